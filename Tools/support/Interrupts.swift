import Dispatch
import Foundation
package import Granary

/// Turns Ctrl-C (SIGINT), SIGTERM and the end of the terminal (SIGHUP) into a cancellation while it lives; a
/// second signal ends the process at once. A signal that the process was started without hearing (nohup)
/// stays unheard.
package final class Interrupts {
    private let sources: [any DispatchSourceSignal]
    private let signals = [SIGINT, SIGTERM, SIGHUP].filter { !Interrupts.isIgnored($0) }

    /// Begins to listen.
    package init(_ cancellation: Cancellation) {
        let queue = DispatchQueue(label: "granary.signals")
        sources = signals.map { number in
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
        for number in signals { signal(number, SIG_DFL) }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        guard let action = signal(number, SIG_IGN) else { return false }
        let isIgnored = unsafe unsafeBitCast(action, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        if !isIgnored { signal(number, action) }
        return isIgnored
    }
}

extension Interrupts {
    /// Does work that signals can stop, with a progress line that is gone when it ends.
    package static func during<Result>(
        _ work: (Cancellation, ProgressBar) throws(GranaryError) -> Result
    ) throws(GranaryError) -> Result {
        let cancellation = Cancellation()
        let interrupts = Interrupts(cancellation)
        let bar = ProgressBar()
        defer {
            bar.finish()
            withExtendedLifetime(interrupts) {}
        }
        return try work(cancellation, bar)
    }
}
