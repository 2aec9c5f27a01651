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
    }

    /// Decides what becomes of a call; nil lets it pass.
    package typealias Rule = @Sendable (Call) -> Effect?

    fileprivate struct State {
        var rule: Rule?
        var callCount = 0
        var previousChange: Kind?
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
        skipped: Result? = nil
    ) throws(GranaryError) -> Result {
        let effect = state.withLock { state -> Effect? in
            state.callCount += 1
            defer { if kind.isChange { state.previousChange = kind } }
            return state.rule?(
                Call(number: state.callCount, kind: kind, path: path, previousChange: state.previousChange))
        }
        switch effect {
        case nil: return try body()
        case .skip: if let skipped { return skipped } else { return try body() }
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
        try call(.unlink, path, { () throws(GranaryError) in try base.unlink(path) }, skipped: ())
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
        try call(.sync, path, { () throws(GranaryError) in try base.syncFile(path) }, skipped: ())
    }

    package func syncDirectory(_ path: String) throws(GranaryError) {
        try call(
            .syncDirectory, path, { () throws(GranaryError) in try base.syncDirectory(path) }, skipped: ())
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
private class FaultyReadableFile: ReadableFile, @unchecked Sendable {
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
        try owner.call(.sync, path, { () throws(GranaryError) in try file.sync() }, skipped: ())
    }
}
