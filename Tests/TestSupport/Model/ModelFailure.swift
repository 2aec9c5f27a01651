/// An index that is not what its model says.
package struct ModelFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }

    /// - Throws: a failure with the message unless the condition holds.
    static func unless(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw ModelFailure(message()) }
    }
}
