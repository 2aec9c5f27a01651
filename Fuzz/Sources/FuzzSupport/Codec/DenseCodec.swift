#if DEBUG || FUZZING
    @testable import Granary
    import GranaryStorage

    /// Dense rows of every element: values and scores as `Formats/dense.md` says, at every level.
    ///
    /// Input: u8 shape (bits 0 and 1: element; bits 2 and 3: metric) | u8 dimensions less 1 | u8 where in the
    /// bytes the first row begins, 0 to 3 | rows, one after the other.
    struct DenseCodec {
        private let codec: DenseRowCodec
        private let query: [Float]
        private let bytes: [UInt8]
        private let offsets: [UInt64]

        static func run(_ input: inout Input) throws -> Bool {
            let rows = try DenseCodec(&input)
            try rows.checkScores()
            var isSound = !rows.offsets.isEmpty
            // More rows are for the scores, which are made of many at once.
            for offset in rows.offsets.prefix(2) where !(try rows.checkRow(Int(offset))) { isSound = false }
            return isSound
        }

        private init(_ input: inout Input) throws {
            let shape = input.byte()
            let schema = DenseSchema(
                dimensions: 1 + Int(input.byte()), element: DenseElement.allCases[Int(shape & 3)],
                metric: DenseMetric.allCases[Int(shape >> 2 & 3) % 3])
            codec = try DenseRowCodec(schema)
            query = (0..<schema.dimensions).map { Float(($0 * 29 + 13) % 64) / 8 - 3.5 }
            let first = input.below(4)
            bytes = input.rest()
            let stride = codec.layout.stride
            let count = min(12, max(0, bytes.count - first) / stride)
            offsets = (0..<count).map { UInt64(first + $0 * stride) }
        }

        /// Whether a row is one that a writer makes.
        private func checkRow(_ start: Int) throws -> Bool {
            let row = Array(bytes[start..<start + codec.layout.stride])
            let section = SectionBytes(row, slack: 0)
            let decoded = codec.decode(section.bytes)
            let plain = plainValues(row)
            try Finding.unless(
                (decoded == nil) == (plain == nil) && (decoded ?? []).isSame(as: plain ?? []),
                "a row has other values than plainly")
            let largest = codec.largestNorm(of: section.bytes)
            for level in 0...DenseKernels.bestLevel { try checkSums(section, row, level) }
            guard let plain else { return false }
            let norm = plain.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            try Finding.unless(
                Double(largest) >= norm,
                "a row of length \(norm) is said to be \(largest) long at most")
            for level in 0...DenseKernels.bestLevel {
                let again = try allowing { try encoded(plain, level) }
                try Finding.unless(
                    codec.layout.scaleOffset != nil || again == Array(row.prefix(codec.layout.valueBytes)),
                    "a row changes when it is decoded and encoded")
            }
            return true
        }

        /// Sums over one row, which are those of `scores`.
        private func checkSums(_ section: SectionBytes, _ row: [UInt8], _ level: Int32) throws {
            let schema = codec.schema
            let kernels = try kernels(level)
            // The length of the values and no more.
            let values = SectionBytes(Array(row.prefix(codec.layout.valueBytes)), slack: 0)
            let dot = kernels.dot(values.bytes, query.span)
            let distance = kernels.squaredDistance(values.bytes, query.span, scale: 1)
            if codec.layout.scaleOffset == nil {
                try Finding.unless(
                    [dot ?? 0].isSame(as: [plainScore(row, false)])
                        && [-(distance ?? 0).squareRoot()].isSame(as: [plainScore(row, true)]),
                    "a sum is another than a score at level \(level)")
            }
            let whole = kernels.integerDot(values.bytes, values.bytes)
            try Finding.unless(
                (whole != nil) == (schema.element == .int8), "a whole sum of values that are not whole")
            if let whole {
                let plain = row.prefix(schema.dimensions).reduce(0) {
                    $0 + Int(Int8(bitPattern: $1)) * Int(Int8(bitPattern: $1))
                }
                try Finding.unless(Int(whole) == plain, "a whole sum is another at level \(level)")
            }
            // What is no number, or too large, is refused.
            _ = try allowing { try encoded(rawValues(row).map { $0 * 1e38 }, level) }
            for value: Float in [0, .greatestFiniteMagnitude, .leastNonzeroMagnitude] {
                let values = [Float](repeating: value, count: schema.dimensions)
                _ = try allowing { try encoded(values, level) }
            }
        }

        private func kernels(_ level: Int32) throws -> DenseKernels {
            let schema = codec.schema
            guard
                let kernels = DenseKernels(
                    element: schema.element, dimensions: schema.dimensions, level: level)
            else { throw Finding("no kernels for \(schema)") }
            return kernels
        }

        private func encoded(_ values: [Float], _ level: Int32) throws -> [UInt8] {
            let kernels = try kernels(level)
            var row = [UInt8](repeating: 0, count: codec.layout.valueBytes)
            var span = row.mutableSpan
            // SAFETY: every bit pattern is a byte.
            var bytes = unsafe span.mutableBytes
            _ = try kernels.encode(values.span, into: &bytes)
            return row
        }

        /// The values of a row; nil for one that no writer makes.
        private func plainValues(_ row: [UInt8]) -> [Float]? {
            var scale: Float = 1
            if let offset = codec.layout.scaleOffset {
                scale = Float(bitPattern: number(row, offset, 4))
                guard scale.isFinite, scale >= 0 else { return nil }
            }
            let values = rawValues(row).map { codec.layout.scaleOffset == nil ? $0 : $0 * scale }
            return values.allSatisfy(\.isFinite) ? values : nil
        }

        private func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> UInt32 {
            (0..<size).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
        }

        /// The values of a row without its scale.
        private func rawValues(_ row: [UInt8]) -> [Float] {
            (0..<codec.schema.dimensions).map { place in
                switch codec.schema.element {
                case .float32: Float(bitPattern: number(row, 4 * place, 4))
                case .float16:
                    Float(Float16(bitPattern: UInt16(truncatingIfNeeded: number(row, 2 * place, 2))))
                case .bfloat16: Float(bitPattern: number(row, 2 * place, 2) << 16)
                case .int8: Float(Int8(bitPattern: row[place]))
                }
            }
        }

        /// Scores of all rows, the same at every level and as plain sums in the order of the format.
        private func checkScores() throws {
            let section = SectionBytes(bytes, slack: 0)
            let schema = codec.schema
            for isDistance in [false, true] {
                let plain = offsets.map {
                    plainScore(Array(bytes[Int($0)..<Int($0) + codec.layout.stride]), isDistance)
                }
                for level in 0...DenseKernels.bestLevel {
                    let kernels = DenseKernels(
                        element: schema.element, dimensions: schema.dimensions, level: level)
                    let scores = kernels?.scores(
                        section.bytes, offsets, query.span, isDistance: isDistance,
                        scaleOffset: codec.layout.scaleOffset)
                    guard !offsets.isEmpty else { continue }
                    try Finding.unless(
                        scores?.isSame(as: plain) == true,
                        "scores are \(String(describing: scores)) at level \(level), plainly \(plain)")
                }
                guard bytes.count >= codec.layout.stride else { continue }
                // Of rows without padding, the last place behind which one does not fit.
                let beyond = UInt64(bytes.count - (codec.layout.scaleOffset ?? codec.layout.valueBytes) + 1)
                let kernels = codec.kernels.scores(
                    section.bytes, [beyond], query.span, isDistance: isDistance,
                    scaleOffset: codec.layout.scaleOffset)
                try Finding.unless(kernels == nil, "a row that ends behind its section has a score")
            }
        }

        private func plainScore(_ row: [UInt8], _ isDistance: Bool) -> Float {
            var scale: Float = 1
            if let offset = codec.layout.scaleOffset {
                scale = Float(bitPattern: number(row, offset, 4))
                if scale == 0 { scale = 0 } else if !(scale.isFinite && scale > 0) { scale = .nan }
            }
            let isScaled = codec.layout.scaleOffset != nil
            var lanes = [Float](repeating: 0, count: 64)
            for (place, value) in rawValues(row).enumerated() {
                let difference = (isScaled ? value * scale : value) - query[place]
                lanes[place % 64] += isDistance ? difference * difference : value * query[place]
            }
            var half = 32
            while half > 0 {
                for lane in 0..<half { lanes[lane] += lanes[lane + half] }
                half /= 2
            }
            return isDistance ? -lanes[0].squareRoot() : isScaled ? lanes[0] * scale : lanes[0]
        }
    }
#endif
