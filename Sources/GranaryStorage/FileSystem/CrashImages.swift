/// A state that a crash may leave.
package struct CrashImage: Sendable {
    /// What is on the disk.
    package let entries: [String: MemoryFileSystem.Entry]
    /// How many operations of the history had been done.
    package let operation: Int
    /// What the workload had said of itself.
    package let notes: [String: UInt64]
    /// The effects that were lost, for people.
    package let lost: [String]

    /// The disk, to be opened.
    package func fileSystem(seed: UInt64 = 7) -> MemoryFileSystem { MemoryFileSystem(entries, seed: seed) }
}

/// How many of the possible images are made. The same options give the same images.
package struct CrashImageOptions: Sendable {
    /// Up to this many undecided effects, every subset of them is an image.
    package var exhaustiveEffects = 8
    /// Beyond that, this many random subsets, besides every single effect, all but each, and each prefix.
    package var samples = 48
    /// After a write, only so many random subsets; nil for as many as after other operations. Data files are
    /// written in many pieces, and until they are finished one state of them is as good as another.
    package var samplesAfterWrite: Int?
    /// Where the random subsets start.
    package var seed: UInt64 = 1
    /// The first operation after which a crash is tried.
    package var firstOperation = 0

    /// The defaults.
    package init() {}
}

extension RecordingFileSystem {
    /// What processes see now, with the notes so far.
    package var present: CrashImage {
        var notes: [String: UInt64] = [:]
        let operations = operations
        for case .note(let name, let value) in operations { notes[name] = value }
        return CrashImage(entries: entries, operation: operations.count, notes: notes, lost: [])
    }

    /// Makes the states that a crash after each operation may leave, each once for the notes that it comes
    /// with.
    ///
    /// - Returns: how many there were.
    package func forEachCrashImage<Failure: Error>(
        _ options: CrashImageOptions = CrashImageOptions(), _ body: (CrashImage) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        var disk = CrashDisk(initial)
        var generator = SeededGenerator(seed: options.seed)
        var notes: [String: UInt64] = [:]
        var seen = Set<Identifier128>()
        let operations = operations
        for count in 0...operations.count {
            if count > 0 {
                if case .note(let name, let value) = operations[count - 1] { notes[name] = value }
                disk.apply(operations[count - 1])
            }
            guard count >= options.firstOperation else { continue }
            let known = ByteWriter.describing(notes)
            let effects = disk.effects.count
            var subsets: [[Bool]]?
            if count > 0, case .write = operations[count - 1], let most = options.samplesAfterWrite {
                subsets = CrashSubsets.random(of: effects, most, &generator)
            }
            for happened in subsets ?? CrashSubsets.all(of: effects, options, &generator) {
                for garbage: UInt8 in disk.hasUndecidedBytes ? [0, 0xa5] : [0] {
                    let (entries, digest) = disk.image(happened, garbage: garbage)
                    guard seen.insert(Checksum.blake2s128(known, digest.bytes)).inserted else { continue }
                    let lost = zip(disk.effects, happened).filter { !$0.1 }.map { "\($0.0)" }
                    try body(CrashImage(entries: entries, operation: count, notes: notes, lost: lost))
                }
            }
        }
        return seen.count
    }
}

extension ByteWriter {
    fileprivate static func describing(_ notes: [String: UInt64]) -> [UInt8] {
        var writer = ByteWriter()
        for (name, value) in notes.sorted(by: { $0.key < $1.key }) {
            writer.append(counted: Array(name.utf8))
            writer.append(value)
        }
        return writer.bytes
    }
}

/// Which effects have happened: all subsets of a few, telling ones and a random sample of many.
enum CrashSubsets {
    static func all(
        of count: Int, _ options: CrashImageOptions, _ generator: inout some RandomNumberGenerator
    ) -> [[Bool]] {
        if count <= options.exhaustiveEffects {
            return (0..<1 << count).map { mask in (0..<count).map { mask >> $0 & 1 == 1 } }
        }
        let none = [Bool](repeating: false, count: count)
        var subsets = (0...count).map { length in (0..<count).map { $0 < length } }
        for position in 0..<count {
            var single = none
            single[position] = true
            subsets.append(single)
            subsets.append(single.map { !$0 })
        }
        return subsets + random(of: count, options.samples, &generator)
    }

    static func random(
        of count: Int, _ samples: Int, _ generator: inout some RandomNumberGenerator
    ) -> [[Bool]] {
        (0..<samples).map { _ in
            // From rare losses to rare survivals: with even odds, many effects seldom leave a whole file.
            let odds = UInt64.random(in: 1...15, using: &generator)
            return (0..<count).map { _ in UInt64.random(in: 0..<16, using: &generator) < odds }
        }
    }
}
