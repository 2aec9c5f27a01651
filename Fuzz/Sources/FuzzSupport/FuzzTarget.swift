/// A harness by the name that `Fuzz/run` knows: a plain function over bytes, which the test suite calls for
/// every file of the corpus and libFuzzer for those that it makes up.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case manifest, container, segment, query, dense, fields, directory, merge, operations, `import`
    #if DEBUG || FUZZING
        // It reaches what is internal, which a build for release has not.
        case codec
    #endif

    /// Does with some bytes whatever the target does with bytes.
    ///
    /// - Throws: `Finding`, and whatever else tells that a promise is broken. Errors of the engine that say
    ///   of bad bytes that they are bad are none.
    public func run(_ bytes: [UInt8]) throws {
        var input = Input(bytes)
        switch self {
        case .manifest: try ManifestHarness.run(&input)
        case .container: try ContainerHarness.run(&input)
        case .segment: try SegmentHarness.run(&input)
        case .query: try QueryHarness.run(&input)
        case .dense: try DenseHarness.run(&input)
        case .fields: try FieldsHarness.run(&input)
        case .directory: try DirectoryHarness.run(&input)
        case .merge: try MergeHarness.run(&input)
        case .operations: try OperationsHarness.run(&input)
        case .import: try ImportHarness.run(&input)
        #if DEBUG || FUZZING
            case .codec: try CodecHarness.run(&input)
        #endif
        }
    }
}
