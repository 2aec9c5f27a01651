import Granary
import GranaryStorage
import TestSupport
import Testing

/// What happens to an index, step by step. A step may fail when the disk does; the next ones go on.
struct CrashScript: Sendable, CustomTestStringConvertible {
    typealias Step = @Sendable (IndexLife) throws(GranaryError) -> Void

    var name: String
    /// A crash in it leaves at least so many images that are looked at.
    var least: Int
    /// What is there before: made whole, before the disk fails.
    var before: [Step]
    var steps: [Step]

    var testDescription: String { name }

    init(_ name: String, least: Int = 300, after before: [Step] = [Steps.create], _ steps: [Step]) {
        (self.name, self.least, self.before, self.steps) = (name, least, before, steps)
    }

    /// The index before the steps.
    func beginning(isRecorded: Bool = true, rule: FaultyFileSystem.Rule? = nil) throws -> IndexLife {
        let life = IndexLife(isRecorded: isRecorded, rule: rule)
        for step in before { try step(life) }
        return life
    }

    /// The whole life, up to its end in peace.
    func run(rule: FaultyFileSystem.Rule? = nil) throws -> IndexLife {
        let life = try beginning(rule: rule)
        if !before.isEmpty { life.beginImages() }
        for step in steps { try step(life) }
        try life.checkKept()
        life.close()
        return life
    }
}

/// Steps of scripts by name.
enum Steps {
    typealias Step = CrashScript.Step

    static let create: Step = { (life) throws(GranaryError) in try life.create() }
    static let open: Step = { (life) throws(GranaryError) in try life.open() }
    static let commit: Step = { (life) throws(GranaryError) in try life.commit() }
    static let prepare: Step = { (life) throws(GranaryError) in try life.prepare() }
    static let commitPrepared: Step = { (life) throws(GranaryError) in try life.commitPrepared() }
    static let abortPrepared: Step = { life in life.abortPrepared() }
    static let refresh: Step = { (life) throws(GranaryError) in try life.refresh() }
    static let rollback: Step = { (life) throws(GranaryError) in try life.rollback() }
    static let keep: Step = { (life) throws(GranaryError) in try life.keepCommitted() }
    static let waitForMerges: Step = { (life) throws(GranaryError) in try life.waitForMerges() }

    static func upsert(_ numbers: UInt64..., version: UInt64) -> Step {
        { (life) throws(GranaryError) in try life.upsert(numbers, version) }
    }
    static func delete(_ numbers: UInt64...) -> Step {
        { (life) throws(GranaryError) in try life.delete(numbers) }
    }
    static func delete(where numbers: UInt64...) -> Step {
        { (life) throws(GranaryError) in try life.delete(where: numbers) }
    }
    static func replaceDense(_ numbers: UInt64..., version: UInt64) -> Step {
        { (life) throws(GranaryError) in try life.replaceDense(numbers, version) }
    }
    static func merge(to segments: Int = 1) -> Step {
        { (life) throws(GranaryError) in try life.merge(to: segments) }
    }
    static func options(_ change: @escaping @Sendable (inout WriterOptions) -> Void) -> Step {
        { life in life.setOptions(change) }
    }
    static func backUp(to path: String, isVerified: Bool = false) -> Step {
        { (life) throws(GranaryError) in try life.backUp(to: path, isVerified: isVerified) }
    }
    static func makeOther(_ path: String, _ numbers: UInt64..., version: UInt64) -> Step {
        { (life) throws(GranaryError) in
            var documents: [Document] = []
            for number in numbers { documents.append(try IndexModel.document(number, version)) }
            try life.makeOther(path, documents)
        }
    }
    static func attach(_ paths: String...) -> Step {
        { (life) throws(GranaryError) in try life.attach(paths) }
    }
    static func detach(_ numbers: UInt64..., to path: String) -> Step {
        { (life) throws(GranaryError) in try life.detach(numbers, to: path) }
    }
    static func detachOldest(to path: String) -> Step {
        { (life) throws(GranaryError) in try life.detachOldest(to: path) }
    }
    /// Steps from inside the engine, when it next reports progress.
    static func meanwhile(_ steps: Step...) -> Step {
        { life in
            life.changes.arm { [unowned life] () throws(GranaryError) in
                for step in steps { try step(life) }
            }
        }
    }
}
