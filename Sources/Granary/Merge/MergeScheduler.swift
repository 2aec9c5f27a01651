internal import Dispatch
import GranaryStorage
import Synchronization

/// What a scheduler asks of the index that it merges for.
protocol MergeHost: AnyObject, Sendable {
    /// Segments that may be merged, those of running merges included.
    func mergeCandidates() -> [MergeCandidate]
    /// Merges segments into one and publishes that. Cleans up after itself when it fails.
    func merge(_ segments: [UInt64], _ control: MergeControl) throws(GranaryError)
    /// Free bytes on disk.
    func freeBytes() throws(GranaryError) -> UInt64
    /// Nanoseconds.
    func now() -> UInt64
}

/// Starts the merges that the policy asks for, on threads of its own, and keeps them from getting in each
/// other's way: of more large ones than there are threads for, the largest wait.
///
/// Its lock is taken before the host's, never the other way round.
final class MergeScheduler: Sendable {
    let policy: MergePolicy
    let host: any MergeHost
    let state = Mutex(State())
    /// Merges of fewer live bytes never wait for a thread.
    private static let smallBytes: UInt64 = 50 << 20
    /// Marks the threads of merges.
    private static let mark = DispatchSpecificKey<Bool>()
    /// Of free space that a merge needs, beside its inputs' live bytes.
    static let spaceShare = 1.1
    /// How often corrupt input is tried.
    private static let corruptTries = 3

    /// A merge that runs.
    struct Running: Sendable {
        var ids: Set<UInt64>
        var bytes: UInt64
        var documents: Int
        var control: MergeControl
    }

    /// A set of segments whose merge has failed.
    struct Failure: Sendable {
        var count = 0
        var corruptCount = 0
        /// In the host's time.
        var notBefore: UInt64 = 0
    }

    struct State: Sendable {
        var running: [Running] = []
        var isPaused = false
        var isShutDown = false
        /// Whether somebody merges by hand, and nothing starts by itself.
        var isManual = false
        var failures: [Set<UInt64>: Failure] = [:]
        /// Segments with damage that no merge is to touch again.
        var quarantined: Set<UInt64> = []
        /// Merges that wait for space on disk.
        var lacksSpace = false
        var done = 0
        var failed = 0
        var lastFailure: GranaryError?
        var waiting: [DispatchSemaphore] = []
        /// Of the last change of segments, in the host's time.
        var lastChange: UInt64 = 0
    }

    init(_ options: MergeOptions, host: any MergeHost) {
        policy = MergePolicy(options: options)
        self.host = host
    }

    // MARK: Starting

    /// How often a look is taken at failed merges whose time has come, and at an index that is at rest.
    private static let lookSeconds = 5
    /// After so many seconds without a change an index is at rest.
    private static let restSeconds: UInt64 = 60

    /// Starts what is due, and goes on looking.
    func start() {
        segmentsChanged()
        look(DispatchQueue(label: "granary.merge.look"))
    }

    private func look(_ queue: DispatchQueue) {
        queue.asyncAfter(deadline: .now() + .seconds(Self.lookSeconds)) { [weak self] in
            guard let self, !self.state.withLock({ $0.isShutDown }) else { return }
            self.startDue()
            self.mergeAtRest(seconds: Self.restSeconds)
            self.look(queue)
        }
    }

    /// Starts what is due; called after each change of segments.
    func segmentsChanged() {
        let now = host.now()
        state.withLock { $0.lastChange = now }
        startDue()
    }

    /// - Returns: whether anything runs that will lessen the number of segments.
    @discardableResult
    private func startDue() -> Bool {
        let free = policy.options.isAutomatic ? try? host.freeBytes() : nil
        let now = host.now()
        return state.withLock { state in
            guard policy.options.isAutomatic, !state.isPaused, !state.isShutDown, !state.isManual else {
                return false
            }
            let segments = host.mergeCandidates()
            let busy = state.running.reduce(into: state.quarantined) { $0.formUnion($1.ids) }
            state.lacksSpace = false
            for ids in policy.merges(segments, busy: busy) {
                start(ids, segments, free: free, now: now, &state)
            }
            return !state.running.isEmpty
        }
    }

    private func start(
        _ ids: [UInt64], _ segments: [MergeCandidate], free: UInt64?, now: UInt64, _ state: inout State
    ) {
        let chosen = segments.filter { ids.contains($0.id) }
        let bytes = chosen.reduce(0) { $0 + $1.liveBytes }
        if let failure = state.failures[Set(ids)], failure.notBefore > now { return }
        // What runs has still to be written too.
        let needed = Double(bytes + state.running.reduce(0) { $0 + $1.bytes }) * Self.spaceShare
        guard Double(free ?? .max) >= needed else {
            state.lacksSpace = true
            return
        }
        let merge = Running(
            ids: Set(ids), bytes: bytes, documents: chosen.reduce(0) { $0 + $1.documents - $1.dead },
            control: MergeControl())
        state.running.append(merge)
        balance(state)
        let queue = DispatchQueue(label: "granary.merge")
        queue.setSpecific(key: Self.mark, value: true)
        queue.async { self.run(merge) }
    }

    /// Lets the smallest go on and the largest wait.
    private func balance(_ state: borrowing State) {
        var large = 0
        for merge in state.running.sorted(by: { $0.bytes < $1.bytes }) {
            if merge.bytes >= Self.smallBytes { large += 1 }
            let waits = merge.bytes >= Self.smallBytes && large > policy.options.threads
            if state.isPaused || waits { merge.control.pause() } else { merge.control.resume() }
        }
    }

    private func run(_ merge: Running) {
        do throws(GranaryError) {
            try merge.control.checkpoint()
            try host.merge(Array(merge.ids), merge.control)
            end(merge, nil)
        } catch {
            end(merge, error)
        }
        startDue()
        wake()
    }

    private func end(_ merge: Running, _ error: GranaryError?) {
        let now = host.now()
        state.withLock { state in
            state.running.removeAll { $0.ids == merge.ids }
            note(error, of: merge.ids, now: now, &state)
            balance(state)
        }
    }

    /// Counts what came of a merge.
    private func note(_ error: GranaryError?, of ids: Set<UInt64>, now: UInt64, _ state: inout State) {
        guard let error else {
            state.done += 1
            state.failures[ids] = nil
            state.lastChange = now
            return
        }
        if error.code == .cancelled { return }
        state.failed += 1
        state.lastFailure = error
        var failure = state.failures[ids] ?? Failure()
        failure.count += 1
        // 1 s, 2 s, 4 s, … 10 minutes.
        failure.notBefore = now + min(600, 1 << UInt64(min(10, failure.count - 1))) * 1_000_000_000
        if [.corrupt, .truncated, .checksumMismatch, .wrongFile].contains(error.code) {
            failure.corruptCount += 1
            if failure.corruptCount >= Self.corruptTries { state.quarantined.formUnion(ids) }
        }
        state.failures[ids] = failure
        if [.writerPoisoned, .commitUncertain].contains(error.code) { state.isShutDown = true }
    }

    /// Merges more than the tiers ask for when nothing has changed for `seconds`.
    ///
    /// - Returns: whether a merge has been started.
    @discardableResult
    func mergeAtRest(seconds: UInt64) -> Bool {
        let now = host.now()
        let free = try? host.freeBytes()
        return state.withLock { state in
            guard policy.options.isAutomatic, !state.isPaused, !state.isShutDown, !state.isManual,
                state.running.isEmpty, now >= state.lastChange + seconds * 1_000_000_000
            else { return false }
            let segments = host.mergeCandidates()
            guard let ids = policy.atRest(segments, busy: state.quarantined) else { return false }
            start(ids, segments, free: free, now: now, &state)
            return !state.running.isEmpty
        }
    }

    // MARK: By hand

    /// Merges on this thread until there are at most `count` segments.
    ///
    /// - Throws: `cancelled`, `diskFull` without space for the output, and what the merge finds wrong.
    func mergeDown(to count: Int, cancellation: Cancellation?) throws(GranaryError) {
        try enterManual(cancellation)
        defer {
            state.withLock { $0.isManual = false }
            startDue()
            wake()
        }
        while true {
            try cancellation?.check()
            let segments = host.mergeCandidates()
            guard let ids = policy.forced(segments, to: count) else { return }
            let chosen = segments.filter { ids.contains($0.id) }
            let bytes = chosen.reduce(0) { $0 + $1.liveBytes }
            let (needed, free) = (UInt64(Double(bytes) * Self.spaceShare), try host.freeBytes())
            guard free >= needed else {
                throw GranaryError(
                    .diskFull, "expected \(needed) free bytes for a merge, found \(free)")
            }
            let merge = Running(
                ids: Set(ids), bytes: bytes, documents: chosen.reduce(0) { $0 + $1.documents - $1.dead },
                control: MergeControl(cancellation))
            state.withLock { state in
                state.running.append(merge)
                if state.isShutDown { merge.control.cancel() }
            }
            do throws(GranaryError) {
                try host.merge(ids, merge.control)
                end(merge, nil)
            } catch {
                end(merge, error)
                throw error
            }
        }
    }

    /// Waits until no other merge runs, and keeps others from starting.
    private func enterManual(_ cancellation: Cancellation?) throws(GranaryError) {
        while true {
            let signal = state.withLock { state -> DispatchSemaphore? in
                if !state.isManual, state.running.isEmpty || state.isPaused {
                    // Paused ones would never end: they give way.
                    for merge in state.running { merge.control.cancel() }
                    if state.running.isEmpty {
                        state.isManual = true
                        return nil
                    }
                }
                let signal = DispatchSemaphore(value: 0)
                state.waiting.append(signal)
                return signal
            }
            guard let signal else { return }
            _ = signal.wait(timeout: .now() + .milliseconds(100))
            try cancellation?.check()
        }
    }

    // MARK: Control

    /// Lets no merge go on.
    func pause() {
        state.withLock { state in
            state.isPaused = true
            balance(state)
        }
        wake()
    }

    /// Lets merges go on.
    func resume() {
        state.withLock { state in
            state.isPaused = false
            balance(state)
        }
        startDue()
    }

    /// Waits until no merge runs and none is due, not even for an index at rest. Does not wait for merges
    /// that are paused.
    func waitUntilIdle(_ cancellation: Cancellation? = nil) throws(GranaryError) {
        while true {
            try cancellation?.check()
            if !startDue() { mergeAtRest(seconds: 0) }
            let (signal, error) = state.withLock { state -> (DispatchSemaphore?, GranaryError?) in
                if state.isShutDown { return (nil, state.lastFailure) }
                if state.running.isEmpty || state.isPaused { return (nil, nil) }
                let signal = DispatchSemaphore(value: 0)
                state.waiting.append(signal)
                return (signal, nil)
            }
            if let error { throw error }
            guard let signal else { return }
            // A cancellation wakes nobody.
            _ = signal.wait(timeout: .now() + .milliseconds(cancellation == nil ? 60_000 : 100))
        }
    }

    /// Stops all merges and waits until they have ended; called by one of them, it does not wait.
    func shutdown() {
        state.withLock { state in
            state.isShutDown = true
            for merge in state.running { merge.control.cancel() }
        }
        wake()
        if DispatchQueue.getSpecific(key: Self.mark) == true { return }
        while true {
            let signal = state.withLock { state -> DispatchSemaphore? in
                if state.running.isEmpty { return nil }
                let signal = DispatchSemaphore(value: 0)
                state.waiting.append(signal)
                return signal
            }
            guard let signal else { return }
            signal.wait()
        }
    }

    /// Tells all that wait that something has changed.
    private func wake() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in waiting { signal.signal() }
    }

    // MARK: Back-pressure

    /// Waits for merges that are far behind: longer the more segments there are, and beyond three times what
    /// the tiers allow until there are fewer. Never waits when no merge can run.
    ///
    /// - Returns: how long it has waited.
    /// - Throws: `stalled` after `longest`.
    func admit(longest: Duration) throws(GranaryError) -> Duration {
        guard policy.options.isAutomatic else { return .zero }
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            let segments = host.mergeCandidates()
            let allowed = policy.allowed(segments.reduce(0) { $0 + $1.liveBytes })
            if segments.count <= 2 * allowed || !startDue() { return clock.now - start }
            let isBlocked = segments.count > 3 * allowed
            let excess = min(7, segments.count - 2 * allowed - 1)
            let signal = DispatchSemaphore(value: 0)
            state.withLock { $0.waiting.append(signal) }
            _ = signal.wait(timeout: .now() + .milliseconds(isBlocked ? 50 : min(100, 1 << excess)))
            if !isBlocked { return clock.now - start }
            if clock.now - start > longest {
                throw GranaryError(
                    .stalled,
                    "waited \(longest) for merges: \(segments.count) segments, expected \(3 * allowed) or fewer"
                )
            }
        }
    }
}
