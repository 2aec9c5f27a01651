#if DEBUG || FUZZING
    import CGranary
    @testable import Granary

    /// A forward row as `Formats/rows.md` says, read byte by byte.
    struct PlainRow {
        private(set) var components: [UInt32] = []
        let codes: [UInt8]
        let shift: UInt8

        /// Nil for a malformed row.
        init?(_ section: [UInt8], _ start: UInt32, _ end: UInt32, isWide: Bool) {
            let (from, to) = (Int(start) * 8, Int(end) * 8)
            guard from + 4 <= to, to <= section.count else { return nil }
            let count = Int(section[from]) | Int(section[from + 1]) << 8
            let control = from + 4
            guard count % 8 == 0, control + count / 8 + 2 * count <= to, section[from + 2] <= 24 else {
                return nil
            }
            shift = section[from + 2]
            codes = Array(section[control + count / 8..<control + count / 8 + count])
            var place = control + count / 8 + count
            var component: UInt32 = 0
            components.reserveCapacity(count)
            for entry in 0..<count {
                let isLong = section[control + entry / 8] >> UInt8(entry % 8) & 1 == 1
                guard place + (isLong ? 2 : 1) <= to else { return nil }
                component &+= UInt32(section[place]) | (isLong ? UInt32(section[place + 1]) << 8 : 0)
                if !isWide { component &= 0xffff }
                components.append(component)
                place += isLong ? 2 : 1
            }
        }

        /// Whether no component is below the one before.
        var isAscending: Bool { zip(components, components.dropFirst()).allSatisfy { $0 <= $1 } }

        /// The stored weights of all entries.
        func weights(_ fine: ArraySlice<UInt8>, _ width: UInt8, _ query: RowsQuery) -> [Float] {
            let scale = Float(1 << Int(shift))
            return codes.indices.map { entry in
                let component = Int(components[entry])
                switch width {
                case 0:
                    return component < query.steps.count
                        ? Float(codes[entry]) * query.steps[component] * scale : 0
                case 1:
                    let rest = fine[fine.startIndex + entry]
                    let bits = UInt16(codes[entry]) << 7 | UInt16(rest & 127)
                    // What would be infinite or no number, which no writer makes, is the next exponent.
                    return bits < 0x7c00 ? Float(Float16(bitPattern: bits)) : 64 * Float(1024 + bits % 1024)
                default:
                    let place = fine.startIndex + 4 * entry
                    let low = UInt32(fine[place]) | UInt32(fine[place + 1]) << 8
                    return Float(
                        bitPattern: low | UInt32(fine[place + 2]) << 16 | UInt32(fine[place + 3]) << 24)
                }
            }
        }

        /// The light score: eight lanes in their order.
        func lightScore(_ table: [Float], isLinear: Bool, _ query: RowsQuery) -> Float {
            var lanes = [Float](repeating: 0, count: 8)
            for entry in codes.indices {
                let component = query.isWide ? min(components[entry], query.components) : components[entry]
                let value =
                    isLinear ? Float(codes[entry]) : Float(bitPattern: UInt32(codes[entry]) << 20)
                lanes[entry % 8] += table[Int(component)] * value
            }
            let sum =
                ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))
                + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
            return sum * Float(1 << Int(shift))
        }
    }

    /// A query of a space of components, with what the kernels want beside it; made once a process.
    final class RowsQuery: Sendable {
        let components: UInt32
        let isWide: Bool
        /// Local components, ascending, and their weights.
        let locals: [UInt32]
        let weights: [Float]
        /// The weights by component, and the same without one of them.
        let table: [Float]
        let hidingTable: [Float]
        /// By component: its place among them; `UInt16.max` for another.
        let places: [UInt16]
        let steps: [Float]

        /// Every space that an input can choose.
        static let all =
            [1, 9, 300, 65_536].flatMap { [RowsQuery($0, false), RowsQuery($0, true)] }
            + [RowsQuery(70_000, true)]

        private init(_ components: Int, _ isWide: Bool) {
            self.components = UInt32(components)
            self.isWide = isWide
            let asked: [UInt32] = [
                0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 255, 256, 257, 299, 1000, 10_000, 65_534,
                65_535, 65_536, 69_999,
            ]
            locals = asked.filter { $0 < components }
            weights = locals.indices.map { 0.5 + 0.25 * Float($0) }
            let length = Kernels.tableLength(components: self.components, isWide: isWide)
            var table = [Float](repeating: 0, count: length)
            var places = [UInt16](repeating: .max, count: components)
            for (place, local) in locals.enumerated() {
                table[Int(local)] = weights[place]
                places[Int(local)] = UInt16(place)
            }
            self.table = table
            table[Int(locals[locals.count / 2])] = 0
            hidingTable = table
            self.places = places
            steps = (0..<components).map { 0.25 * Float(1 + $0 % 5) }
        }

        /// Where a component is among the query's; nil for another.
        func place(_ component: UInt32) -> Int? {
            guard component < components, places[Int(component)] != .max else { return nil }
            return Int(places[Int(component)])
        }

        /// Calls `body` with the C form of the query, valid during the call.
        @unsafe func withFull<Result>(_ body: (UnsafePointer<granary_full_query>) -> Result) -> Result {
            unsafe locals.withUnsafeBufferPointer { locals in
                unsafe places.withUnsafeBufferPointer { places in
                    unsafe weights.withUnsafeBufferPointer { weights in
                        var full = unsafe granary_full_query(
                            components: locals.baseAddress, n: locals.count, places: places.baseAddress,
                            weights: weights.baseAddress, count: weights.count)
                        return unsafe withUnsafePointer(to: &full) { unsafe body($0) }
                    }
                }
            }
        }
    }
#endif
