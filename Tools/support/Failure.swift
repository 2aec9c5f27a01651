import ArgumentParser
import Foundation
package import Granary

/// How a command ends: 0 done, 1 failed, 64 usage, 65 bad input data.
package enum Failure {
    /// The exit code of an error.
    ///
    /// - Parameter inputs: the files that the user gave as data: what is wrong in one of them is bad data,
    ///   while the same in a file of an index is a failure.
    package static func exitCode(_ error: GranaryError, inputs: [String] = []) -> Int32 {
        let isPlaced = error.line != nil || error.path.map(inputs.contains) == true
        switch error.code {
        case .malformedInput, .invalidWeight, .duplicateComponent: return 65
        case .tooLarge, .invalidArgument, .truncated, .wrongFile, .unsupported:
            if isPlaced { return 65 }
            return error.code == .invalidArgument ? 64 : 1
        default: return 1
        }
    }

    /// Says what went wrong on standard error and ends the process.
    package static func exit(_ error: GranaryError, inputs: [String] = []) -> Never {
        Messages.write("granary: \(error)\n")
        Foundation.exit(exitCode(error, inputs: inputs))
    }
}

/// Text on standard error that is no failure.
package func warn(_ message: String) {
    Messages.write("granary: warning: \(message)\n")
}
