import Synchronization

/// A file system around another that fails when it is told to. For tests.
///
/// A rule looks at every call before it is made and decides what becomes of it. Safe to use from several
/// threads; calls are numbered from 1 in the order in which they arrive.
package final class FaultyFileSystem: FileSystem {
    /// The calls of a file system and of its files, apart from closing and what cannot fail.
    package enum Kind: String, Sendable, CaseIterable {
        case create, openForReading, rename, link, unlink, createDirectory, removeDirectory, list, status
        case syncDirectory, lock, freeBytes, length, read, map, write, sync

        /// Whether the call changes what is on the disk, or makes a change durable.
        package var isChange: Bool {
            switch self {
            case .create, .rename, .link, .unlink, .createDirectory, .removeDirectory, .syncDirectory, .write,
                .sync:
                true
            default: false
            }
        }
    }

    /// A call that is about to be made.
    package struct Call: Sendable {
        /// Its number, from 1.
        package let number: Int
        /// What it does.
        package let kind: Kind
        /// What it does it to.
        package let path: String
        /// The call before; nil for the first.
        package let previous: Kind?
        /// The call before that changed anything; nil for the first.
        package let previousChange: Kind?
    }

    /// What becomes of a call.
    package enum Effect: Sendable, Equatable {
        /// It is not made and fails with an errno.
        case fail(Int32)
        /// It is made, and fails with an errno all the same: the answer is lost.
        case failAfterwards(Int32)
        /// Half of a write is made before it fails with an errno; other calls are not made.
        case failHalfway(Int32)
        /// It is not made, and seems to succeed: what a mutant without the call would do. Only for calls
        /// without results.
        case skip
        /// It seems to succeed, and is made right after the next call of a kind: what a mutant with another
        /// order would do. Only for synchronising and removing names.
        case postpone(until: Kind)
        /// A read or a mapping finds the end of the file too early; other calls are made.
        case cut
    }

    /// Decides what becomes of a call; nil lets it pass.
    package typealias Rule = @Sendable (Call) -> Effect?

    fileprivate struct State {
        var rule: Rule?
        var callCount = 0
        var previous: Kind?
        var previousChange: Kind?
        var postponed: [(path: String, until: Kind, call: @Sendable () -> Void)] = []
    }

    private let base: any FileSystem
    fileprivate let state = Mutex(State())

    /// One that lets every call pass until it gets a rule.
    package init(_ base: any FileSystem, rule: Rule? = nil) {
        self.base = base
        state.withLock { $0.rule = rule }
    }

    /// How many calls there have been since the rule was set.
    package var callCount: Int { state.withLock { $0.callCount } }

    /// Begins to follow a rule, nil for none, and to number calls anew.
    package func follow(_ rule: Rule?) {
        state.withLock { state in
            state = State()
            state.rule = rule
        }
    }

    /// The rule that a call has an effect: this one only, or this one and all that follow.
    package static func at(_ number: Int, _ effect: Effect, isSticky: Bool = false) -> Rule {
        { call in call.number == number || (isSticky && call.number > number) ? effect : nil }
    }

    /// Makes a call as the rule wants it.
    fileprivate func call<Result>(
        _ kind: Kind, _ path: String, _ body: () throws(GranaryError) -> Result, halfway: () -> Void = {},
        skipped: Result? = nil, later: (@Sendable () -> Void)? = nil
    ) throws(GranaryError) -> Result {
        let (effect, due) = state.withLock { state in
            state.callCount += 1
            let due = state.postponed.filter { $0.until == kind }
            state.postponed.removeAll { $0.until == kind }
            defer {
                state.previous = kind
                if kind.isChange { state.previousChange = kind }
            }
            let call = Call(
                number: state.callCount, kind: kind, path: path, previous: state.previous,
                previousChange: state.previousChange)
            return (state.rule?(call), due)
        }
        defer { for (_, _, call) in due { call() } }
        switch effect {
        case nil: return try body()
        case .skip: if let skipped { return skipped } else { return try body() }
        case .postpone(let next):
            guard let later, let skipped else { return try body() }
            state.withLock { $0.postponed.append((path, next, later)) }
            return skipped
        case .cut:
            guard kind == .read || kind == .map else { return try body() }
            throw GranaryError(.truncated, "injected end of a file", path: path)
        case .fail(let number): throw SystemCalls.error("injected \(kind)", number, path: path)
        case .failHalfway(let number):
            halfway()
            throw SystemCalls.error("injected \(kind)", number, path: path)
        case .failAfterwards(let number):
            _ = try body()
            throw SystemCalls.error("injected \(kind), done all the same", number, path: path)
        }
    }

    package func create(_ path: String) throws(GranaryError) -> any WritableFile {
        try call(.create, path) { () throws(GranaryError) in FaultyFile(try base.create(path), self) }
    }

    package func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        try call(.openForReading, path) { () throws(GranaryError) in
            FaultyReadableFile(try base.openForReading(path), self)
        }
    }

    package func rename(_ path: String, to target: String) throws(GranaryError) {
        try call(.rename, path, { () throws(GranaryError) in try base.rename(path, to: target) }, skipped: ())
    }

    package func link(_ path: String, to target: String) throws(GranaryError) {
        try call(.link, path, { () throws(GranaryError) in try base.link(path, to: target) }, skipped: ())
    }

    package func unlink(_ path: String) throws(GranaryError) {
        try call(
            .unlink, path, { () throws(GranaryError) in try base.unlink(path) }, skipped: (),
            later: { [base] in try? base.unlink(path) })
    }

    package func createDirectory(_ path: String) throws(GranaryError) {
        try call(
            .createDirectory, path, { () throws(GranaryError) in try base.createDirectory(path) }, skipped: ()
        )
    }

    package func removeDirectory(_ path: String) throws(GranaryError) {
        try call(
            .removeDirectory, path, { () throws(GranaryError) in try base.removeDirectory(path) }, skipped: ()
        )
    }

    package func list(_ directory: String) throws(GranaryError) -> [String] {
        try call(.list, directory) { () throws(GranaryError) in try base.list(directory) }
    }

    package func status(_ path: String) throws(GranaryError) -> FileStatus? {
        try call(.status, path) { () throws(GranaryError) in try base.status(path) }
    }

    package func syncFile(_ path: String) throws(GranaryError) {
        try call(
            .sync, path, { () throws(GranaryError) in try base.syncFile(path) }, skipped: (),
            later: { [base] in try? base.syncFile(path) })
    }

    package func syncDirectory(_ path: String) throws(GranaryError) {
        try call(
            .syncDirectory, path, { () throws(GranaryError) in try base.syncDirectory(path) }, skipped: (),
            later: { [base] in try? base.syncDirectory(path) })
    }

    package func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try call(.lock, path) { () throws(GranaryError) in try base.lock(path, stamp: stamp) }
    }

    package func freeBytes(_ path: String) throws(GranaryError) -> UInt64 {
        try call(.freeBytes, path) { () throws(GranaryError) in try base.freeBytes(path) }
    }

    package func randomIdentifier() -> Identifier128 { base.randomIdentifier() }
    package func now() -> UInt64 { base.now() }
}

/// A file open for reading that fails with its file system.
private class FaultyReadableFile: BatchReadable, @unchecked Sendable {
    // SAFETY: `@unchecked` because of the subclass alone; everything is constant.
    private let file: any ReadableFile
    fileprivate let owner: FaultyFileSystem

    init(_ file: any ReadableFile, _ owner: FaultyFileSystem) {
        self.file = file
        self.owner = owner
    }

    var path: String { file.path }

    func length() throws(GranaryError) -> UInt64 {
        try owner.call(.length, path) { () throws(GranaryError) in try file.length() }
    }

    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        try owner.call(.read, path) { () throws(GranaryError) in try file.read(at: offset, count: count) }
    }

    func map() throws(GranaryError) -> MappedBytes {
        try owner.call(.map, path) { () throws(GranaryError) in try file.map() }
    }

    func batchAccess() throws(GranaryError) -> BatchAccess? {
        guard var access = try (file as? any BatchReadable)?.batchAccess() else { return nil }
        let (owner, path) = (owner, path)
        access.gate = { (_, _) throws(GranaryError) in
            try owner.call(.read, path) { () throws(GranaryError) in () }
        }
        return access
    }

    func close() { file.close() }
}

/// A file open for writing that fails with its file system.
private final class FaultyFile: FaultyReadableFile, WritableFile, @unchecked Sendable {
    private let file: any WritableFile

    init(_ file: any WritableFile, _ owner: FaultyFileSystem) {
        self.file = file
        super.init(file, owner)
    }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError) {
        var writer = ByteWriter()
        writer.append(bytes)
        let all = writer.bytes
        try owner.call(
            .write, path, { () throws(GranaryError) in try file.write(all.rawBytes, at: offset) },
            halfway: { try? file.write(Array(all.prefix(all.count / 2)).rawBytes, at: offset) }, skipped: ())
    }

    func sync() throws(GranaryError) {
        try owner.call(
            .sync, path, { () throws(GranaryError) in try file.sync() }, skipped: (),
            later: { [file] in try? file.sync() })
    }

    override func close() {
        // A call that is still to come needs the file open.
        if !owner.state.withLock({ $0.postponed.contains { $0.path == path } }) { super.close() }
    }
}
