import Granary

/// Something that must never happen did.
public struct Finding: Error, CustomStringConvertible {
    /// What it is.
    public let description: String

    /// Makes a finding.
    public init(_ description: String) { self.description = description }

    /// - Throws: a finding with the message unless the condition holds.
    static func unless(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Finding(message()) }
    }
}

/// Ends the process, so that the fuzzer keeps the input.
public func report(_ finding: String) -> Never { fatalError("FINDING: \(finding)") }

/// What a call gives, or nil where the engine refuses the bytes: with an error that says why.
func allowing<Result>(_ body: () throws -> Result) throws -> Result? {
    do {
        return try body()
    } catch let error as GranaryError {
        try Finding.unless(!error.message.isEmpty, "an error without a message")
        return nil
    }
}
