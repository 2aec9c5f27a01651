// A user of the library writes `import Granary` and nothing else: the error and the file systems that the
// public signatures name come with it.
@_exported public import GranaryStorage
