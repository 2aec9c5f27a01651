extension Array where Element: FixedWidthInteger & BitwiseCopyable {
    /// The bytes of the elements, in the order of this machine.
    package var rawBytes: RawSpan {
        // SAFETY: integers have no padding, so every byte is initialised; the span borrows from the array.
        @_lifetime(borrow self) get { unsafe _overrideLifetime(span.bytes, borrowing: self) }
    }
}

extension RawSpan {
    /// One byte, or nil beyond the end.
    package func byte(at offset: Int) -> UInt8? {
        // SAFETY: the offset is checked; a byte has no alignment.
        offset >= 0 && offset < byteCount
            ? unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) : nil
    }
}
