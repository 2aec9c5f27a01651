import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// Works an index hard, for tests that kill it, read beside it, trace it or let it run for hours.
@main
struct StressTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "granary-stress",
        abstract: "Works an index hard. A tool of Granary's own tests.",
        subcommands: [
            WorkCommand.self, ReadCommand.self, CommitOnceCommand.self, SoakCommand.self, HostileCommand.self,
        ])
}

/// Writes a line at once: the process may be killed the moment after.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}

/// A finding, as the end of the process.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Duration {
    /// In seconds.
    var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
