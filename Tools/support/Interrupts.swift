import Dispatch
import Foundation
package import Granary

/// Turns Ctrl-C (SIGINT), SIGTERM and the end of the terminal (SIGHUP) into a cancellation while it lives; a
/// second signal ends the process at once.
package final class Interrupts {
    private let sources: [any DispatchSourceSignal]
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Begins to listen.
    package init(_ cancellation: Cancellation) {
        let queue = DispatchQueue(label: "granary.signals")
        sources = Self.signals.map { number in
            // Otherwise the default action would end the process before the source sees the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if cancellation.isCancelled { Foundation.exit(128 + number) }
                cancellation.cancel()
            }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in Self.signals { signal(number, SIG_DFL) }
    }
}
