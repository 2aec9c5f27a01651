import ArgumentParser
import Foundation
import GranaryStorage
import TestSupport

/// Writes the golden indexes.
@main
struct GoldenTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "granary-golden",
        abstract: "Writes the golden indexes of the format. A tool of Granary's own tests; see Tools/golden.")

    @Flag(help: "Copy those that are there, and write the packed one as the engine takes it.")
    var unpack = false

    @Argument(help: "The directory that gets a directory for each index; not to be left out with --unpack.")
    var into: String?

    func validate() throws {
        if unpack, into == nil { throw ValidationError("expected a directory with --unpack") }
    }

    func run() throws {
        let directory = into ?? GoldenFiles.root
        if try PosixFileSystem().status(directory) == nil {
            try PosixFileSystem().createDirectory(directory)
        }
        for golden in GoldenIndex.allCases {
            if unpack {
                try GoldenFiles.unpack(golden, into: directory)
            } else if try GoldenFiles.store(try golden.files(), of: golden, in: directory) {
                print("\(golden.rawValue): written")
            }
        }
    }
}
