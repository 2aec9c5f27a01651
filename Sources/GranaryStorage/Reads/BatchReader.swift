internal import CGranary
import Synchronization

/// Reads many small pieces of a file at once, and keeps what the process holds of its mapping within a
/// budget.
///
/// Two uses: `withResident` brings pages into memory and lends the mapping, `read` copies into slots. Ranges
/// are bytes of the file, ascending by where they begin; they may touch, overlap and be empty.
///
/// Files of the system are read by a `ReadMethod`; others by `ReadableFile.read`. Where a file turns out
/// shorter than its mapping, or the device fails, reads throw. A page that goes between being read and being
/// used, and one that `seemsResident` was wrong about, is read by using it: a device that fails just then
/// raises a signal, as with every mapping. The mapping and the file are told that they are read at random.
/// Safe to use from several threads.
package final class BatchReader: Sendable {
    private let file: any ReadableFile
    private let mapping: MappedBytes
    private let options: ReadOptions
    private let system: SystemReads?
    private let budget: ResidencyBudget?
    private let counted = Mutex(ReadCounts())
    /// Ranges that were in memory since one was not.
    private let trusted = Atomic(0)
    /// Samples so far, so that each begins elsewhere.
    private let sampled = Atomic(0)
    /// How pieces are read.
    package let method: ReadMethod
    /// The smallest budget, in bytes: one window.
    package static let smallestBudget = max(1 << 16, SystemCalls.pageBytes)

    /// A reader of an open file, which may be closed afterwards.
    ///
    /// - Parameters:
    ///   - file: open for reading.
    ///   - mapping: of that file.
    /// - Throws: `invalidArgument` for options out of their range, a budget of less than one window (64 KiB),
    ///   or a closed file; `io` without a free descriptor.
    package init(
        _ file: any ReadableFile, mapping: MappedBytes, options: ReadOptions = ReadOptions()
    ) throws(GranaryError) {
        guard 1...64 ~= options.threadCount, 1...128 ~= options.depth,
            options.residentBytes.map({ $0 >= Self.smallestBudget }) ?? true
        else {
            throw GranaryError(
                .invalidArgument,
                "expected 1 to 64 threads, a depth of 1 to 128 and a budget of 65536 bytes or more, found "
                    + "\(options.threadCount), \(options.depth) and \(options.residentBytes ?? 0)",
                path: file.path)
        }
        self.file = file
        self.mapping = mapping
        self.options = options
        if mapping.isMapped, let access = try (file as? any BatchReadable)?.batchAccess() {
            let system = SystemReads(access, mapping, path: file.path)
            self.system = system
            method = ReadMethod.best(options.method)
            budget = options.residentBytes.map { bytes in
                ResidencyBudget(budgetBytes: bytes, geometry: system.geometry) {
                    system.drop($0, readHere: $1)
                }
            }
        } else {
            (system, budget, method) = (nil, nil, .mapped)
        }
    }

    /// What it has done so far.
    package var counts: ReadCounts { counted.withLock { $0 } }

    /// Bytes of the mapping that are counted against the budget; 0 without one.
    package var countedBytes: Int { budget?.countedBytes ?? 0 }

    /// Gives back all pages that are counted against the budget and not in use.
    package func releaseMemory() { budget?.clear() }

    /// Brings the pages of ranges into memory and lends the mapping, a piece at a time: what has been read is
    /// used while the rest is on its way.
    ///
    /// - Parameters:
    ///   - isCancelled: asked between waves of reads.
    ///   - piece: gets the numbers of the next ranges, whose pages are in memory; all of them in the end.
    ///     They are not given back for the sake of the budget before the call returns.
    /// - Throws: `invalidArgument` for ranges out of order, `truncated` for ranges or a file that end early,
    ///   `io`, `cancelled`, `tooLarge` for a batch that the budget has no room for (read it into slots). Only
    ///   the last of these is sure to come before the first piece.
    package func withResident(
        _ ranges: [Range<Int>], isCancelled: () -> Bool = { false },
        _ piece: (RawSpan, Range<Int>) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        try check(ranges, isCancelled)
        let mapping = mapping
        guard let system else {
            for range in ranges {
                _ = try file.read(at: UInt64(range.lowerBound), count: range.count)
                try checkCancellation(isCancelled)
            }
            return try piece(mapping.bytes, 0..<ranges.count)
        }
        try system.admit(ranges)
        var windows = system.geometry.windows(covering: ranges)
        try system.findResident(&windows, isWhole: budget != nil)
        try budget?.admit(windows)
        defer { budget?.release(windows) }
        var given = 0
        let missing = try bringIn(windows, system, isCancelled) { (end) throws(GranaryError) in
            var ready = given
            while ready < ranges.count, ranges[ready].upperBound <= end { ready += 1 }
            if ready == given { return }
            try piece(mapping.bytes, given..<ready)
            given = ready
        }
        counted.withLock { counts in
            counts.pagesFound += windows.reduce(0) { $0 + $1.wanted.nonzeroBitCount } - missing
            counts.pagesRead += missing
        }
        note(ranges.count, missing: missing)
        if given < ranges.count { try piece(mapping.bytes, given..<ranges.count) }
    }

    /// Begins to read what is missing of ranges, and waits for nothing. What is wrong is found when they are
    /// read. Only by methods that gain from it: a ring takes all of a batch faster than advice asks for it
    /// page by page, and the mapped method reads when it needs to.
    ///
    /// - Parameter range: a range by its number; in any order.
    package func prefetch(_ count: Int, _ range: (Int) -> Range<Int>) {
        guard let system, budget == nil, method == .advised || method == .parallel else { return }
        do throws(GranaryError) {
            if try seemsResident(count, range) { return }
            let ranges = (0..<count).map(range).sorted { $0.lowerBound < $1.lowerBound }
            try check(ranges, { false })
            var windows = system.geometry.windows(covering: ranges)
            try system.findResident(&windows, isWhole: false)
            system.advise(windows)
        } catch { return }
    }

    /// Whether ranges are in memory, most likely: those of the last batches were, and a sample of these is.
    /// Asking the system about every page takes longer than scoring what is on it; a page that is not there
    /// after all is read when it is used, alone. Never so with a budget, which has to know.
    ///
    /// - Parameter range: a range by its number; in any order.
    /// - Throws: `truncated` for a file that has become shorter, what the file's gate throws.
    package func seemsResident(_ count: Int, _ range: (Int) -> Range<Int>) throws(GranaryError) -> Bool {
        guard let system, budget == nil, trusted.load(ordering: .relaxed) >= Self.trustedFrom else {
            return false
        }
        let step = max(Self.sampleStep, count / Self.sampleStep)
        let first = sampled.wrappingAdd(1, ordering: .relaxed).newValue % step
        let sample = stride(from: first, to: count, by: step).map(range).sorted {
            $0.lowerBound < $1.lowerBound
        }
        try system.admit(sample)
        // The rest is used without having been looked at.
        try system.checkLength(mapping.count)
        var windows = system.geometry.windows(covering: sample)
        try system.findResident(&windows, isWhole: false)
        let missing = windows.reduce(0) { $0 + $1.missing.nonzeroBitCount }
        note(sample.count, missing: missing)
        return missing == 0
    }

    /// Notes that the system was asked about ranges.
    private func note(_ ranges: Int, missing: Int) {
        if missing > 0 {
            trusted.store(0, ordering: .relaxed)
        } else if trusted.load(ordering: .relaxed) < Self.trustedFrom {
            trusted.wrappingAdd(ranges, ordering: .relaxed)
        }
    }

    /// One range in so many is asked about, and about so many at most, once so many have been in memory, one
    /// after the other.
    private static let (sampleStep, trustedFrom) = (16, 2048)

    /// Copies ranges into slots: the first range into the first slot, and so on.
    ///
    /// - Parameter isCancelled: asked between waves of reads.
    /// - Throws: as `withResident`; `tooLarge` for more ranges than slots or a range longer than a slot. The
    ///   slots are empty then.
    package func read(
        _ ranges: [Range<Int>], into slots: inout PageSlots, isCancelled: () -> Bool = { false }
    ) throws(GranaryError) {
        slots.fill([])
        guard ranges.count <= slots.count, ranges.allSatisfy({ $0.count <= slots.slotBytes }) else {
            throw GranaryError(
                .tooLarge, "expected up to \(slots.count) ranges of up to \(slots.slotBytes) bytes",
                path: file.path)
        }
        try check(ranges, isCancelled)
        if let system {
            try system.admit(ranges)
            // SAFETY: a list without elements; each is checked below.
            var reads: [granary_read] = unsafe []
            unsafe reads.reserveCapacity(ranges.count)
            for (slot, range) in ranges.enumerated() where !range.isEmpty {
                // SAFETY: a slot has room for its range, as checked above; the slots are ours until the end.
                unsafe reads.append(
                    granary_read(
                        offset: UInt64(range.lowerBound), destination: slots.destination(slot),
                        length: UInt32(range.count), done: 0, error: 0, retries: 0))
            }
            var windows: [granary_window] = []
            if method == .advised {
                windows = system.geometry.windows(covering: ranges)
                try system.findResident(&windows, isWhole: false)
                system.advise(windows)
            }
            // SAFETY: the destinations are slots, which live and stay where they are during the call.
            try unsafe perform(&reads, system, isCancelled)
        } else {
            for (slot, range) in ranges.enumerated() {
                slots.copy(try file.read(at: UInt64(range.lowerBound), count: range.count), to: slot)
                try checkCancellation(isCancelled)
            }
        }
        slots.fill(ranges)
        counted.withLock { $0.bytesCopied += ranges.reduce(0) { $0 + $1.count } }
    }

    /// Reads the missing pages of windows; how many there were.
    ///
    /// - Parameter progress: may get the offset of the first byte that is still being read.
    private func bringIn(
        _ windows: [granary_window], _ system: SystemReads, _ isCancelled: () -> Bool,
        _ progress: (Int) throws(GranaryError) -> Void
    ) throws(GranaryError) -> Int {
        let missing = windows.reduce(0) { $0 + $1.missing.nonzeroBitCount }
        guard missing > 0 else { return 0 }
        switch method {
        case .mapped: break
        case .advised: system.advise(windows)
        case .parallel, .ring:
            let scratch = try PageSlots(count: 1, slotBytes: system.geometry.windowBytes)
            // SAFETY: all reads write to the one scratch, which has room for the longest, and nobody reads
            // it.
            var reads = unsafe system.reads(ofMissing: windows, into: scratch.destination(0))
            try unsafe perform(&reads, system, isCancelled, progress)
        }
        return missing
    }

    /// Does reads by the method.
    @unsafe private func perform(
        _ reads: inout [granary_read], _ system: SystemReads, _ isCancelled: () -> Bool,
        _ progress: (Int) throws(GranaryError) -> Void = { _ in }
    ) throws(GranaryError) {
        switch method {
        case .mapped, .advised:
            try unsafe system.perform(&reads, threadCount: 1, findsCached: false, isCancelled)
        case .ring:
            if try unsafe system.performByRing(&reads, depth: options.depth, isCancelled, progress) { break }
            counted.withLock { $0.ringsMissing += 1 }
            fallthrough
        case .parallel:
            // Asking for what is cached makes the kernel begin to read the rest, which threads alone do not.
            try unsafe system.perform(
                &reads, threadCount: options.threadCount, findsCached: true, isCancelled)
        }
    }

    private func check(_ ranges: [Range<Int>], _ isCancelled: () -> Bool) throws(GranaryError) {
        counted.withLock { $0.batches += 1 }
        try checkCancellation(isCancelled)
        var start = 0
        for range in ranges {
            guard range.lowerBound >= start else {
                throw GranaryError(
                    .invalidArgument, "expected ascending ranges, found \(range.lowerBound) after \(start)",
                    path: file.path)
            }
            guard range.upperBound <= mapping.count else {
                throw GranaryError(
                    .truncated, "expected bytes up to \(range.upperBound), found \(mapping.count)",
                    path: file.path, byteOffset: UInt64(range.lowerBound))
            }
            start = range.lowerBound
        }
    }

    private func checkCancellation(_ isCancelled: () -> Bool) throws(GranaryError) {
        if isCancelled() { throw GranaryError(.cancelled, "the operation was cancelled", path: file.path) }
    }
}
