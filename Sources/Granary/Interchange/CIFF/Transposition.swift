import GranaryStorage

/// A sparse matrix that comes row by row and is given column by column.
///
/// Entries are sorted by column as many at a time as memory has room for; such runs go to a temporary file,
/// and are merged when they are read. The sort keeps the order of equal columns, and so does the merge: each
/// column comes by ascending row.
///
/// Memory: what is asked for, or 4 KiB a run where that is more. Disk: 12 bytes an entry, where one run is
/// not enough.
struct Transposition: ~Copyable {
    /// A non-zero of the matrix.
    struct Entry: Equatable {
        var column: UInt32
        var row: UInt32
        var value: UInt32
    }

    /// The error of entries that are not those that were added: the disk has damaged the temporary file.
    static var damaged: GranaryError {
        GranaryError(.corrupt, "expected the entries that were written, found others in a temporary file")
    }

    private static let entryBytes = 12
    private static let digitBits: UInt32 = 11
    /// Entries that are read of a run at once, at least and at most.
    private static let chunkEntries = 340...87_000

    private let memoryBytes: Int
    private var buffer: [Entry] = []
    private var file: TemporaryFile
    /// In entries: where each run ends in the file.
    private var runEnds: [Int] = []
    private var merge = RunMerge()
    /// The next entry of the buffer, when there is no run.
    private var position = 0

    /// - Parameters:
    ///   - memoryBytes: for entries that are not yet in the file.
    ///   - directory: where the temporary file is made.
    init(memoryBytes: Int, fileSystem: any FileSystem, directory: String) {
        self.memoryBytes = memoryBytes
        file = TemporaryFile(fileSystem: fileSystem, directory: directory, isNameless: true)
    }

    /// Entries of one run: sorting takes as much room again.
    private var capacity: Int { max(1024, memoryBytes / (2 * MemoryLayout<Entry>.stride)) }

    /// Adds an entry: rows ascend, columns come in any order.
    mutating func append(_ entry: Entry) throws(GranaryError) {
        if buffer.count == capacity { try spill() }
        // Doubling the last time would take more than there is, and all at once may be more than is needed.
        if buffer.count == buffer.capacity {
            buffer.reserveCapacity(min(capacity, max(1024, 2 * buffer.count)))
        }
        buffer.append(entry)
    }

    /// Ends the adding; `next` may follow.
    mutating func finish() throws(GranaryError) {
        guard !runEnds.isEmpty else {
            Self.sort(&buffer)
            return
        }
        try spill()
        buffer = []
        let chunk = memoryBytes / (2 * MemoryLayout<Entry>.stride * runEnds.count)
        merge = RunMerge(
            runEnds, chunkEntries: min(max(chunk, Self.chunkEntries.lowerBound), Self.chunkEntries.upperBound)
        )
        for run in runEnds.indices { try load(run) }
    }

    /// The next entry by column, then by row; nil after the last.
    mutating func next() throws(GranaryError) -> Entry? {
        if runEnds.isEmpty {
            guard position < buffer.count else { return nil }
            defer { position += 1 }
            return buffer[position]
        }
        guard let (entry, emptied) = merge.next() else { return nil }
        if let emptied { try load(emptied) }
        return entry
    }

    /// Reads more of a run, and has it take part in the merge again.
    private mutating func load(_ run: Int) throws(GranaryError) {
        let wanted = merge.wanted(run)
        guard !wanted.isEmpty else { return }
        let bytes = try file.read(
            at: UInt64(Self.entryBytes * wanted.lowerBound), count: Self.entryBytes * wanted.count)
        var reader = ByteReader(bytes.rawBytes, path: "a temporary file")
        var entries: [Entry] = []
        entries.reserveCapacity(wanted.count)
        for _ in wanted {
            entries.append(
                Entry(
                    column: try reader.next(UInt32.self), row: try reader.next(UInt32.self),
                    value: try reader.next(UInt32.self)))
        }
        merge.add(entries, of: run)
    }

    /// Sorts the buffer and writes it out as a run.
    private mutating func spill() throws(GranaryError) {
        Self.sort(&buffer)
        for start in stride(from: 0, to: buffer.count, by: 4096) {
            var words: [UInt32] = []
            for entry in buffer[start..<min(start + 4096, buffer.count)] {
                words.append(entry.column)
                words.append(entry.row)
                words.append(entry.value)
            }
            try file.makeRoom()
            file.append(words: words)
        }
        runEnds.append((runEnds.last ?? 0) + buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Sorts by column, digit by digit from the lowest; equal columns stay in their order.
    private static func sort(_ entries: inout [Entry]) {
        let largest = entries.reduce(0) { max($0, $1.column) }
        var sorted = entries
        var shift: UInt32 = 0
        while shift < 32, largest >> shift > 0 {
            var places = [Int](repeating: 0, count: 1 << digitBits + 1)
            let mask: UInt32 = 1 << digitBits - 1
            for entry in entries { places[Int(entry.column >> shift & mask) + 1] += 1 }
            for digit in 1..<places.count { places[digit] += places[digit - 1] }
            for entry in entries {
                let digit = Int(entry.column >> shift & mask)
                sorted[places[digit]] = entry
                places[digit] += 1
            }
            swap(&entries, &sorted)
            shift += digitBits
        }
    }
}

/// The merge of sorted runs, each of which is in memory in part.
private struct RunMerge {
    /// A run: what is in memory of it, and where the rest lies, in entries.
    private struct Run {
        var entries: [Transposition.Entry] = []
        var position = 0
        var rest: Range<Int>
    }

    private var runs: [Run] = []
    private var chunkEntries = 0
    /// A heap of the runs that have an entry in memory: column × 2^32 + run, the smallest first. The run
    /// settles ties: rows of an earlier one are smaller.
    private var heap: [UInt64] = []

    init() {}

    /// - Parameter ends: where each run ends, one behind the other.
    init(_ ends: [Int], chunkEntries: Int) {
        self.chunkEntries = chunkEntries
        for (start, end) in zip([0] + ends, ends) { runs.append(Run(rest: start..<end)) }
    }

    /// What comes next of a run that is not in memory.
    func wanted(_ run: Int) -> Range<Int> {
        let rest = runs[run].rest
        return rest.lowerBound..<min(rest.upperBound, rest.lowerBound + chunkEntries)
    }

    /// Takes what was wanted of a run, of which nothing is in memory.
    mutating func add(_ entries: [Transposition.Entry], of run: Int) {
        guard let first = entries.first else { return }
        runs[run].entries = entries
        runs[run].position = 0
        runs[run].rest = runs[run].rest.lowerBound + entries.count..<runs[run].rest.upperBound
        heap.append(UInt64(first.column) << 32 | UInt64(run))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The next entry of all; with it a run of which nothing is left in memory, and which must be added to
    /// before the next call.
    mutating func next() -> (entry: Transposition.Entry, emptied: Int?)? {
        guard let top = heap.first else { return nil }
        let run = Int(top & 0xFFFF_FFFF)
        let position = runs[run].position
        let entry = runs[run].entries[position]
        runs[run].position += 1
        guard position + 1 < runs[run].entries.count else {
            runs[run].entries = []
            heap[0] = heap[heap.count - 1]
            heap.removeLast()
            sink()
            return (entry, run)
        }
        heap[0] = UInt64(runs[run].entries[position + 1].column) << 32 | UInt64(run)
        sink()
        return (entry, nil)
    }

    /// Moves the top of the heap down to its place.
    private mutating func sink() {
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
