/// Memory for the ranges of a batch: slots of equal size, each at an address that is a multiple of 4,096.
///
/// Made once and used for batch after batch; new memory is slow to touch first.
@safe package struct PageSlots: ~Copyable {
    /// Bytes of a slot, a multiple of 4,096.
    package let slotBytes: Int
    /// Slots.
    package let count: Int
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes of each slot that the last batch filled.
    private var filled: [Int]

    /// - Parameter slotBytes: rounded up to a multiple of 4,096.
    /// - Throws: `invalidArgument` without slots or bytes, or for more than memory can hold.
    package init(count: Int, slotBytes: Int = 4096) throws(GranaryError) {
        let rounded = slotBytes.addingReportingOverflow(4095)
        let size = rounded.partialValue / 4096 * 4096
        let (bytes, isTooMuch) = size.multipliedReportingOverflow(by: count)
        guard count > 0, slotBytes > 0, !rounded.overflow, !isTooMuch, bytes <= 1 << 40 else {
            throw GranaryError(
                .invalidArgument, "expected slots that fit into memory, found \(count) of \(slotBytes) bytes")
        }
        self.slotBytes = size
        self.count = count
        // SAFETY: the size is checked above; all of it is initialised here and freed in `deinit`.
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 4096)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        filled = [Int](repeating: 0, count: count)
    }

    deinit { unsafe memory.deallocate() }

    /// The bytes of the range that a slot has; none for a slot without one.
    @_lifetime(borrow self)
    package func bytes(_ slot: Int) -> RawSpan {
        let count = filled.indices.contains(slot) ? filled[slot] : 0
        let start = count > 0 ? slot * slotBytes : 0
        // SAFETY: `filled` is at most a slot, and the memory lives as long as `self`.
        return unsafe _overrideLifetime(
            UnsafeRawBufferPointer(rebasing: memory[start..<start + count]).bytes, borrowing: self)
    }

    /// The memory of a slot.
    @unsafe func destination(_ slot: Int) -> UnsafeMutableRawPointer? {
        unsafe memory.baseAddress.map { unsafe $0 + slot * slotBytes }
    }

    /// Says what the slots hold.
    mutating func fill(_ ranges: [Range<Int>]) {
        for slot in filled.indices { filled[slot] = slot < ranges.count ? ranges[slot].count : 0 }
    }

    /// Copies bytes to a slot.
    mutating func copy(_ bytes: [UInt8], to slot: Int) {
        // SAFETY: the caller's ranges are at most a slot, and there are at most as many.
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: memory[slot * slotBytes..<(slot + 1) * slotBytes])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(slotBytes)))
        }
    }
}
