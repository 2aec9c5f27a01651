import CGranary
import Foundation
@testable import GranaryStorage
import TestSupport
import Testing

@Suite("Batched reads")
struct BatchReaderTests {
    @Test("copy what the file holds, cold and warm", arguments: ReadMethod.allCases)
    func copies(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 3_000_001)
        let reader = try fixture.reader(method, depth: 16)
        var random = TestRandom(seed: 5)
        var slots = try PageSlots(count: 700, slotBytes: 10_000)
        for (count, mostBytes) in [(0, 1), (1, 100), (600, 1536), (700, 10_000), (3, 12_288)] {
            let ranges = fixture.ranges(count, mostBytes: mostBytes, &random)
            try fixture.makeCold()
            for _ in 0..<2 {
                try reader.read(ranges, into: &slots)
                var isEqual = true
                for (slot, range) in ranges.enumerated() {
                    isEqual = isEqual && copy(slots.bytes(slot)) == Array(fixture.content[range])
                }
                #expect(isEqual)
                #expect(slots.bytes(ranges.count).byteCount == 0)
            }
        }
        #expect(reader.counts.batches == 10)
        #expect(reader.counts.ringsMissing == 0)
    }

    @Test("bring exactly the wanted pages into memory", arguments: [ReadMethod.parallel, .ring])
    func populates(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 40 << 20 + 77)
        let reader = try fixture.reader(method)
        var random = TestRandom(seed: 6)
        var ranges = fixture.ranges(300, mostBytes: 9000, &random)
        ranges.append(fixture.content.count - 1..<fixture.content.count)
        try fixture.makeCold()
        var wanted = Set<Int>()
        for range in ranges where !range.isEmpty {
            for page in range.lowerBound / 4096...(range.upperBound - 1) / 4096 { wanted.insert(page) }
        }
        let isEqual = try reader.whenResident(ranges) { bytes in
            let resident = (0..<(fixture.content.count + 4095) / 4096).filter {
                fixture.mapping.residentBytes($0 * 4096..<min($0 * 4096 + 4096, fixture.content.count)) > 0
            }
            #expect(Set(resident) == wanted)
            return ranges.allSatisfy { copy(bytes.extracting($0)) == Array(fixture.content[$0]) }
        }
        #expect(isEqual)
        #expect(reader.counts.pagesRead == wanted.count)
        try reader.whenResident(ranges) { _ in }
        #expect(reader.counts.pagesRead == wanted.count)
        #expect(reader.counts.pagesFound == wanted.count)
    }

    @Test("lend what is in memory while the rest is read, all of it in order", arguments: ReadMethod.allCases)
    func lendsPieces(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 30 << 20)
        let reader = try fixture.reader(method, depth: 32)
        var random = TestRandom(seed: 16)
        for count in [1, 2, 300] {
            let ranges = fixture.ranges(count, mostBytes: 6000, &random)
            try fixture.makeCold()
            var (next, isResident, isEqual) = (0, true, true)
            try reader.withResident(ranges) { (bytes, piece) in
                #expect(piece.lowerBound == next)
                next = piece.upperBound
                for range in ranges[piece] where !range.isEmpty {
                    for page in range.lowerBound / 4096...(range.upperBound - 1) / 4096 {
                        let bytes = page * 4096..<min(page * 4096 + 4096, fixture.content.count)
                        isResident = isResident && fixture.mapping.residentBytes(bytes) > 0
                    }
                    isEqual = isEqual && copy(bytes.extracting(range)) == Array(fixture.content[range])
                }
            }
            #expect(next == count)
            #expect(isEqual)
            if method == .ring || method == .parallel { #expect(isResident) }
        }
    }

    @Test("stop where a piece throws, with nothing in flight", arguments: ReadMethod.allCases)
    func stopsWithPiece(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 30 << 20)
        let reader = try fixture.reader(method, depth: 8)
        var random = TestRandom(seed: 17)
        for _ in 0..<20 {
            let ranges = fixture.ranges(200, mostBytes: 3000, &random)
            try fixture.makeCold()
            var pieces = 0
            let code = errorCode {
                try reader.withResident(ranges) { (_, _) throws(GranaryError) in
                    pieces += 1
                    throw GranaryError(.cancelled, "enough")
                }
            }
            #expect(code == .cancelled)
            #expect(pieces == 1)
            #expect(
                try reader.whenResident(ranges) { bytes in
                    ranges.allSatisfy { copy(bytes.extracting($0)) == Array(fixture.content[$0]) }
                })
        }
    }

    @Test("trust a file that has been in memory for long, until a sample is not")
    func trustsResidency() throws {
        let fixture = try ReadFixture(lengthBytes: 8 << 20)
        let reader = try fixture.reader(.parallel)
        let ranges = (0..<256).map { $0 * 32768..<$0 * 32768 + 1000 }
        func seems() throws -> Bool { try reader.seemsResident(ranges.count) { ranges[255 - $0] } }
        try fixture.makeCold()
        #expect(try !seems())
        // The first batch reads; then eight of 256 rows each have to find all of them.
        for _ in 0..<8 {
            try reader.whenResident(ranges) { _ in }
            #expect(try !seems())
        }
        try reader.whenResident(ranges) { _ in }
        #expect(try seems())
        try fixture.makeCold()
        #expect(try !seems())
        // Now that it is known, nothing is taken on trust.
        try reader.whenResident(ranges) { _ in }
        #expect(try !seems())
        // A file that has become shorter is found whatever the sample.
        for _ in 0..<9 { try reader.whenResident(ranges) { _ in } }
        #expect(try seems())
        let shortened = try FileHandle(forWritingTo: URL(fileURLWithPath: fixture.path))
        try shortened.truncate(atOffset: UInt64(fixture.content.count - 1))
        #expect(errorCode { try seems() } == .truncated)
        try shortened.close()
    }

    @Test("trust nothing under a budget, which has to know")
    func trustsNothingUnderBudget() throws {
        let fixture = try ReadFixture(lengthBytes: 8 << 20)
        let ranges = (0..<256).map { $0 * 32768..<$0 * 32768 + 1000 }
        let budgeted = try fixture.reader(.parallel, residentBytes: 64 << 20)
        for _ in 0..<10 { try budgeted.whenResident(ranges) { _ in } }
        #expect(try !budgeted.seemsResident(ranges.count) { ranges[$0] })
    }

    @Test("lend the mapping whatever the method", arguments: ReadMethod.allCases)
    func lends(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 5_000_000)
        let reader = try fixture.reader(method)
        var random = TestRandom(seed: 8)
        let ranges = fixture.ranges(200, mostBytes: 4000, &random)
        try fixture.makeCold()
        #expect(
            try reader.whenResident(ranges) { bytes in
                ranges.allSatisfy { copy(bytes.extracting($0)) == Array(fixture.content[$0]) }
            })
    }

    @Test("refuse ranges out of order, behind the end, or without a slot", arguments: ReadMethod.allCases)
    func refusesRanges(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 100_000)
        let reader = try fixture.reader(method)
        var slots = try PageSlots(count: 2)
        #expect(errorCode { try reader.whenResident([10..<20, 5..<6]) { _ in } } == .invalidArgument)
        #expect(errorCode { try reader.whenResident([99_999..<100_001]) { _ in } } == .truncated)
        #expect(errorCode { try reader.read([10..<20, 5..<6], into: &slots) } == .invalidArgument)
        #expect(errorCode { try reader.read([0..<1, 1..<2, 2..<3], into: &slots) } == .tooLarge)
        #expect(errorCode { try reader.read([0..<4097], into: &slots) } == .tooLarge)
        #expect(errorCode { _ = try PageSlots(count: 0) } == .invalidArgument)
        #expect(errorCode { _ = try PageSlots(count: 1 << 40, slotBytes: 1 << 40) } == .invalidArgument)
        #expect(errorCode { _ = try fixture.reader(method, depth: 129) } == .invalidArgument)
        #expect(errorCode { _ = try fixture.reader(method, residentBytes: 1000) } == .invalidArgument)
    }

    @Test("throw when the file is cut under its mapping", arguments: ReadMethod.allCases)
    func shortFile(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 1 << 20)
        let reader = try fixture.reader(method)
        var slots = try PageSlots(count: 2)
        #expect(unsafe truncate(fixture.path, 300_000) == 0)
        let ranges = [1000..<2000, 299_990..<300_001]
        let error = #expect(throws: GranaryError.self) { try reader.read(ranges, into: &slots) }
        #expect(error?.code == .truncated)
        #expect(error?.path == fixture.path)
        #expect(error?.byteOffset == 300_000)
        #expect(slots.bytes(0).byteCount == 0)
        #expect(errorCode { try reader.whenResident(ranges) { _ in } } == .truncated)
        try reader.read([1000..<2000, 299_000..<300_000], into: &slots)
        #expect(copy(slots.bytes(1)) == Array(fixture.content[299_000..<300_000]))
    }

    @Test("throw when the file is cut while they read", arguments: ReadMethod.allCases)
    func cutWhileReading(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 1 << 20)
        let reader = try fixture.reader(method)
        var slots = try PageSlots(count: 2)
        try fixture.makeCold()
        var questions = 0
        let error = #expect(throws: GranaryError.self) {
            try reader.read([1000..<2000, 299_990..<300_001], into: &slots) {
                questions += 1
                // The first is before the length is checked.
                if questions == 2 { unsafe truncate(fixture.path, 300_000) }
                return false
            }
        }
        #expect(questions >= 2)
        #expect(error?.code == .truncated)
        #expect(error?.byteOffset == 300_000)
    }

    @Test("stop between waves when they are cancelled", arguments: ReadMethod.allCases)
    func cancels(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 16 << 20)
        let reader = try fixture.reader(method, depth: 4)
        let ranges = stride(from: 0, to: 16 << 20, by: 8192).map { $0..<$0 + 100 }
        var slots = try PageSlots(count: ranges.count)
        try fixture.makeCold()
        var questions = 0
        let code = errorCode {
            try reader.read(ranges, into: &slots) {
                questions += 1
                return questions > 2
            }
        }
        #expect(code == .cancelled)
        #expect(questions == 3)
        #expect(errorCode { try reader.whenResident(ranges, isCancelled: { true }) { _ in } } == .cancelled)
        try reader.read(ranges, into: &slots)
        #expect(copy(slots.bytes(77)) == Array(fixture.content[ranges[77]]))
    }

    @Test("share a reader between threads", arguments: ReadMethod.allCases)
    func threads(method: ReadMethod) async throws {
        let fixture = try ReadFixture(lengthBytes: 8 << 20)
        let reader = try fixture.reader(method, residentBytes: 8 << 20)
        let content = fixture.content
        try fixture.makeCold()
        let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
            for seed: UInt64 in 0..<8 {
                group.addTask { try Self.countWrong(reader, content, seed: seed) }
            }
            return try await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    /// Reads at random in both ways; how many batches brought other bytes than the file's.
    private static func countWrong(_ reader: BatchReader, _ content: [UInt8], seed: UInt64) throws -> Int {
        var random = TestRandom(seed: seed)
        var slots = try PageSlots(count: 20)
        var wrong = 0
        for _ in 0..<30 {
            let ranges = (0..<12).map { _ in random.int(0...content.count - 2000) }.sorted().map {
                $0..<$0 + 1536
            }
            try reader.read(ranges, into: &slots)
            for (slot, range) in ranges.enumerated() where copy(slots.bytes(slot)) != Array(content[range]) {
                wrong += 1
            }
            let isEqual = try reader.whenResident(ranges) { bytes in
                ranges.allSatisfy { copy(bytes.extracting($0)) == Array(content[$0]) }
            }
            if !isEqual { wrong += 1 }
        }
        return wrong
    }

    @Test("go on when the file is closed")
    func closedFile() throws {
        let fixture = try ReadFixture(lengthBytes: 100_000)
        let reader = try fixture.reader(nil)
        fixture.file.close()
        var slots = try PageSlots(count: 1)
        try reader.read([5..<50], into: &slots)
        #expect(copy(slots.bytes(0)) == Array(fixture.content[5..<50]))
        #expect(errorCode { _ = try fixture.reader(nil) } == .invalidArgument)
    }

    @Test("take the best method that the kernel allows")
    func choosesMethod() throws {
        let fixture = try ReadFixture(lengthBytes: 1000)
        let best = try fixture.reader(nil).method
        #expect(best == (ReadMethod.ring.refusal == nil ? .ring : .parallel))
        for method in ReadMethod.allCases where method.refusal == nil {
            #expect(ReadMethod.best(method) == method)
            #expect(ReadMethod(rawValue: "\(method)") == method)
        }
    }
}
