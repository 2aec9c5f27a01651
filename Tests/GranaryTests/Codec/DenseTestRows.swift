import Glibc
import TestSupport
import Testing

@testable import Granary

/// Dimensions at which kernels change their ways, and those of common models.
let denseDimensions = Array(1...130) + [383, 384, 385, 768, 1024, 4096, 8192]

/// The levels of the kernels that this processor has.
let denseLevels = Array(0...DenseKernels.bestLevel)

/// A row in its stored form, with what a test compares it to.
struct DenseTestRow {
    let kernels: DenseKernels
    var bytes: [UInt8]
    let scale: Float
    /// The stored values; of int8 times the scale.
    let values: [Float]

    init(_ element: DenseElement, _ vector: [Float], level: Int32 = 0) throws {
        kernels = try #require(DenseKernels(element: element, dimensions: vector.count, level: level))
        bytes = [UInt8](repeating: 0xa5, count: kernels.rowBytes)
        var row = bytes.mutableSpan
        var rowBytes = row.mutableBytes
        scale = try kernels.encode(vector.span, into: &rowBytes)
        var values = [Float](repeating: .nan, count: vector.count)
        var out = values.mutableSpan
        let isDecoded = kernels.decode(bytes.span.bytes, scale: scale, into: &out)
        try #require(isDecoded)
        self.values = values
    }

    /// The kernels of another level.
    func at(_ level: Int32) throws -> DenseKernels {
        try #require(DenseKernels(element: kernels.element, dimensions: kernels.dimensions, level: level))
    }
}

extension DenseKernels {
    /// The sums of rows and queries in arrays.
    func dot(_ row: [UInt8], _ query: [Float]) -> Float? { dot(row.span.bytes, query.span) }
    func squaredDistance(_ row: [UInt8], _ query: [Float]) -> Float? {
        squaredDistance(row.span.bytes, query.span)
    }
    func squaredNorm(_ row: [UInt8]) -> Float? { squaredNorm(row.span.bytes) }
    func integerDot(_ row: [UInt8], _ query: [UInt8]) -> Int32? {
        integerDot(row.span.bytes, query.span.bytes)
    }
}

/// A vector of both signs and many magnitudes, some of them 0.
func denseVector(_ dimensions: Int, _ random: inout TestRandom) -> [Float] {
    (0..<dimensions).map { _ in
        random.int(0...15) == 0
            ? 0 : random.float(-1...1) * Float(sign: .plus, exponent: random.int(-6...6), significand: 1)
    }
}

/// Memory between two pages that must not be touched.
@safe final class GuardedBytes {
    private let mapping: UnsafeMutableRawPointer
    private let room: Int
    private static let page = 4096

    init(room wanted: Int) throws {
        room = (wanted + Self.page - 1) / Self.page * Self.page
        let mapped = unsafe mmap(
            nil, room + 2 * Self.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        unsafe mapping = try #require(unsafe mapped == MAP_FAILED ? nil : mapped)
        let opened = unsafe mprotect(mapping + Self.page, room, PROT_READ | PROT_WRITE)
        try #require(opened == 0)
    }

    deinit { unsafe munmap(mapping, room + 2 * Self.page) }

    /// Calls `body` with a copy of some bytes, first right behind the page before, then right before the page
    /// behind.
    func atBothEnds(_ bytes: [UInt8], _ body: (RawSpan) throws -> Void) throws {
        try #require(bytes.count <= room)
        for offset in [0, room - bytes.count] {
            let place = unsafe UnsafeMutableRawBufferPointer(
                start: mapping + Self.page + offset, count: bytes.count)
            unsafe place.copyBytes(from: bytes)
            try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(place)))
        }
    }

    /// The same for floats.
    func atBothEnds(_ values: [Float], _ body: (Span<Float>) throws -> Void) throws {
        let bytes = values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        try atBothEnds(bytes) { try body(unsafe Span<Float>(_bytes: $0)) }
    }
}
