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
    /// Bytes on disk that merges leave free.
    private let reserveBytes: UInt64
    /// Merges of fewer live bytes never wait for a thread.
    static let smallBytes: UInt64 = 50 << 20
    /// Of free space that a merge needs, beside its inputs' live bytes.
    private static let spaceShare = 1.1
    /// How often a look is taken at failed merges whose time has come, and at an index that is at rest.
    private static let lookSeconds = 5
    /// After so many seconds without a change an index is at rest.
    static let restSeconds: UInt64 = 60

    /// A merge that runs.
    struct Running: Sendable {
        var ids: Set<UInt64>
        /// Of live documents, as are these.
        var bytes: UInt64
        var documents: Int
        var control: MergeControl

        init(_ chosen: [MergeCandidate], _ control: MergeControl) {
            ids = Set(chosen.map(\.id))
            bytes = chosen.reduce(0) { $0 + $1.liveBytes }
            documents = chosen.reduce(0) { $0 + $1.documents - $1.dead }
            self.control = control
        }
    }

    struct State: Sendable {
        var running: [Running] = []
        var isPaused = false
        var isShutDown = false
        /// Whether somebody merges by hand, and nothing starts by itself.
        var isManual = false
        var failures = MergeFailures()
        /// Merges that wait for space on disk.
        var lackingSpace: Set<Set<UInt64>> = []
        var done = 0
        var failed = 0
        /// Merges that had to wait for space on disk.
        var skipped = 0
        var lastFailure: GranaryError?
        /// What made merging useless for good.
        var poison: GranaryError?
        var waiting: [DispatchSemaphore] = []
        /// Of the last change of segments, in the host's time.
        var lastChange: UInt64 = 0

        /// Whether merges may start by themselves.
        var isOpen: Bool { !isPaused && !isShutDown && !isManual }
        /// Whether nothing keeps merges from what they should do.
        var isHealthy: Bool { failures.isEmpty && lackingSpace.isEmpty && poison == nil }
        /// Whether no merge is under way.
        var isIdle: Bool { running.isEmpty && !isManual }
    }

    /// - Parameter reserveBytes: bytes on disk that merges leave free.
    init(_ options: MergeOptions, host: any MergeHost, reserveBytes: Int = 0) {
        policy = MergePolicy(options: options)
        self.host = host
        self.reserveBytes = UInt64(max(0, reserveBytes))
    }

    // MARK: Starting

    /// Starts what is due, and goes on looking.
    func start() {
        segmentsChanged()
        if policy.options.isAutomatic { look(DispatchQueue(label: "granary.merge.look")) }
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
    func startDue() -> Bool {
        guard policy.options.isAutomatic else { return false }
        return state.withLock { state in
            guard state.isOpen else { return false }
            let (segments, busy) = candidates(&state)
            let due = policy.merges(segments, busy: busy)
            let lacked = state.lackingSpace
            state.lackingSpace = []
            for ids in due { begin(ids, segments, &state) }
            state.skipped += state.lackingSpace.subtracting(lacked).count
            return !state.running.isEmpty
        }
    }

    /// Merges more than the tiers ask for when nothing has changed for `seconds`.
    ///
    /// - Returns: whether a merge has been started.
    @discardableResult
    func mergeAtRest(seconds: UInt64) -> Bool {
        guard policy.options.isAutomatic else { return false }
        return state.withLock { state in
            guard state.isOpen, state.running.isEmpty else { return false }
            let now = host.now()
            // The clock may have been set back.
            state.lastChange = min(state.lastChange, now)
            guard now - state.lastChange >= seconds * 1_000_000_000 else { return false }
            let (segments, busy) = candidates(&state)
            guard let ids = policy.atRest(segments, busy: busy) else { return false }
            begin(ids, segments, &state)
            return !state.running.isEmpty
        }
    }

    /// All segments, and those of them that no merge may take.
    private func candidates(_ state: inout State) -> ([MergeCandidate], busy: Set<UInt64>) {
        let segments = host.mergeCandidates()
        state.failures.keep(Set(segments.map(\.id)))
        let blocked = state.failures.blocked(now: host.now())
        return (segments, state.running.reduce(into: blocked) { $0.formUnion($1.ids) })
    }

    private func begin(_ ids: [UInt64], _ segments: [MergeCandidate], _ state: inout State) {
        let merge = Running(segments.filter { ids.contains($0.id) }, MergeControl())
        guard (try? checkSpace(merge, beside: state)) != nil else {
            state.lackingSpace.insert(merge.ids)
            return
        }
        state.running.append(merge)
        balance(state)
        merge.control.start { self.run(merge) }
    }

    /// - Throws: `diskFull` when a merge might not find the space that it needs beside those that run.
    func checkSpace(_ merge: Running, beside state: borrowing State) throws(GranaryError) {
        let bytes = state.running.reduce(merge.bytes) { $0 + $1.bytes }
        let (needed, free) = (Double(bytes) * Self.spaceShare + Double(reserveBytes), try host.freeBytes())
        guard Double(free) >= needed else {
            throw GranaryError(.diskFull, "expected \(UInt64(needed)) free bytes for a merge, found \(free)")
        }
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

    // MARK: Running

    private func run(_ merge: Running) {
        _ = attempt(merge)
        startDue()
        wake()
    }

    /// Merges, and notes what has come of it.
    func attempt(_ merge: Running) -> GranaryError? {
        var failure: GranaryError?
        do throws(GranaryError) {
            try merge.control.checkpoint()
            try host.merge(merge.ids.sorted(), merge.control)
        } catch {
            failure = error
        }
        let now = host.now()
        state.withLock { state in
            state.running.removeAll { $0.control === merge.control }
            note(failure, of: merge.ids, now: now, &state)
            balance(state)
        }
        return failure
    }

    private func note(_ error: GranaryError?, of ids: Set<UInt64>, now: UInt64, _ state: inout State) {
        guard let error else {
            state.done += 1
            state.lastChange = now
            return
        }
        if error.code == .cancelled { return }
        state.failed += 1
        state.lastFailure = error
        state.failures.note(error, of: ids, now: now)
        guard [.writerPoisoned, .commitUncertain].contains(error.code) else { return }
        state.poison = state.poison ?? error
        state.isShutDown = true
        for merge in state.running { merge.control.cancel() }
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
    /// that are paused, and called from inside of one not at all.
    ///
    /// - Throws: `writerPoisoned`, `commitUncertain`, `cancelled`.
    func waitUntilIdle(_ cancellation: Cancellation? = nil) throws(GranaryError) {
        while !isWithin() {
            try cancellation?.check()
            let hasMerges = startDue() || mergeAtRest(seconds: 0)
            let (signal, isOver, poison) = state.withLock {
                state -> (DispatchSemaphore?, Bool, GranaryError?) in
                if state.isPaused || state.isIdle && !hasMerges { return (nil, true, state.poison) }
                // One that has ended since may have made room for another.
                return state.isIdle ? (nil, false, state.poison) : (newSignal(&state), false, nil)
            }
            if let poison { throw poison }
            if isOver { return }
            guard let signal else { continue }
            // A cancellation wakes nobody.
            _ = signal.wait(timeout: .now() + .milliseconds(cancellation == nil ? 60_000 : 100))
        }
    }

    /// Stops all merges and waits until they have ended; called from inside of one, it does not wait.
    func shutdown() {
        state.withLock { state in
            state.isShutDown = true
            for merge in state.running { merge.control.cancel() }
        }
        wake()
        while !isWithin(), let signal = state.withLock({ $0.isIdle ? nil : newSignal(&$0) }) { signal.wait() }
    }

    // MARK: Waiting

    /// Whether this code is part of a merge, and must not wait for it.
    func isWithin() -> Bool {
        guard let current = MergeControl.current else { return false }
        return state.withLock { $0.running.contains { ObjectIdentifier($0.control) == current } }
    }

    /// Something to wait with for the next change.
    func newSignal(_ state: inout State) -> DispatchSemaphore {
        let signal = DispatchSemaphore(value: 0)
        state.waiting.append(signal)
        return signal
    }

    /// Waits for the next change, but not for long.
    func wait(milliseconds: Int) {
        let signal = state.withLock { newSignal(&$0) }
        if signal.wait(timeout: .now() + .milliseconds(milliseconds)) == .timedOut {
            state.withLock { $0.waiting.removeAll { $0 === signal } }
        }
    }

    /// Tells all that wait that something has changed.
    func wake() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in waiting { signal.signal() }
    }
}
