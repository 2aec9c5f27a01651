import ArgumentParser
import CommandSupport
import Granary

/// How dense vectors are read.
struct DenseReadingOptions: ParsableArguments {
    @Option(
        name: .customLong("read-method"),
        help: """
            How dense vectors are read that are not in memory: ring, parallel, advised or mapped. (default: \
            the first of these that the kernel allows)
            """)
    var method: ReadMethod?
    @Option(
        help: ArgumentHelp(
            """
            The share of each file of dense vectors that may be in memory, above 0 and up to 1. (default: no \
            limit)
            """,
            valueName: "share"))
    var residentShare: Double?

    func validate() throws {
        if let residentShare, !(residentShare > 0 && residentShare <= 1) {
            throw ValidationError("expected a resident share above 0 and up to 1, found \(residentShare)")
        }
        if let method, let number = method.refusal {
            throw ValidationError(
                "expected a method that the kernel allows, found \(method) (error \(number))")
        }
    }

    var reading: DenseReading { DenseReading(method: method, residentShare: residentShare) }
}
