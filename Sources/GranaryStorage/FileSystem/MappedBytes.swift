/// Bytes that never change: a mapped file, or a copy in memory.
///
/// Whoever has a reference may read; the memory goes when the last reference does.
@safe public final class MappedBytes: @unchecked Sendable {
    // SAFETY: `@unchecked` is right because the memory is read-only from the initialiser to `deinit`.
    private let base: UnsafeRawBufferPointer
    /// Whether it is a mapping, and not a copy.
    package let isMapped: Bool

    /// Takes a mapping over, which `SystemCalls.unmap` will end.
    init(mapping: UnsafeRawBufferPointer) {
        unsafe base = mapping
        isMapped = true
    }

    /// Copies bytes to a page of their own, followed by zeros: as much may be read behind them as behind a
    /// mapped file.
    package init(copying bytes: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 4096, alignment: 4096)
        unsafe memory.copyBytes(from: bytes)
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[bytes.count...]).initializeMemory(
            as: UInt8.self, repeating: 0)
        unsafe base = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<bytes.count])
        isMapped = false
    }

    deinit {
        // SAFETY: this is the last reference, and views borrow from it.
        if isMapped { unsafe SystemCalls.unmap(base) } else { unsafe base.baseAddress?.deallocate() }
    }

    /// Bytes in all.
    public var count: Int { unsafe base.count }

    /// The bytes.
    public var bytes: RawSpan {
        // SAFETY: the memory lives as long as `self`, from which the span borrows.
        @_lifetime(borrow self) get { unsafe _overrideLifetime(base.bytes, borrowing: self) }
    }

    /// How a range will be read.
    public enum Advice: Sendable { case normal, random, sequential, willNeed }

    /// Tells the system how a range will be read; best effort, by whole pages.
    public func advise(_ advice: Advice, _ range: Range<Int>) {
        if isMapped { unsafe SystemCalls.advise(base, range, advice) }
    }

    /// How many bytes of a range are in memory, by whole pages.
    public func residentBytes(_ range: Range<Int>) -> Int {
        isMapped ? unsafe SystemCalls.residentBytes(base, range) : range.count
    }
}
