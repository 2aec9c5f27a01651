import Granary
import TestSupport

/// A program of operations on an index, against a dictionary: the model of the test suite, whose programs are
/// made of an input's bytes here. Nothing happens in the background, so that an input is the same each time.
///
/// Input: u8 documents and weights | u8 compression and lists | u8 documents of a segment | operations: u8
/// kind, then what it needs.
enum OperationsHarness {
    private static let longest = 120

    static func run(_ input: inout Input) throws {
        let setup = setup(&input)
        var program: [ModelOperation] = []
        while !input.isEmpty, program.count < longest { program.append(operation(&input)) }
        try ModelRun.run(program, setup)
    }

    private static func setup(_ input: inout Input) -> ModelSetup {
        var setup = ModelSetup()
        let (first, second) = (input.byte(), input.byte())
        setup.names = ModelDocuments.Names.allCases[Int(first & 3)]
        // Weights of 8 bits are exact only where all of a component are the same.
        setup.schema.weights = setup.names == .constants ? .uint8 : first & 4 == 0 ? .float16 : .float32
        setup.schema.payloadCompression = PayloadCompression.allCases[Int(second & 15) % 3]
        setup.exactBelow = [1000, 12, 2, 4][Int(second >> 4 & 3)]
        setup.blocksFrom = [0, 15, 1 << 30, 5][Int(second >> 6)]
        let count = Int(input.byte())
        setup.segmentDocuments = count & 3 == 0 ? 4 + count / 4 : 1 << 30
        setup.isCalibrated = first & 0xf0 == 0xf0
        return setup
    }

    private static func operation(_ input: inout Input) -> ModelOperation {
        func id(_ input: inout Input) -> Int { input.below(ModelDocuments.idCount) }
        func version(_ input: inout Input) -> Int { input.below(ModelDocuments.versionCount) }
        func slot(_ input: inout Input) -> Int { input.below(3) }
        func query(_ input: inout Input) -> Int { input.below(ModelDocuments.lastQuery + 1) }
        func userData(_ input: inout Input) -> UInt8? {
            let byte = input.byte()
            return byte & 1 == 0 ? nil : byte
        }
        // Fields are read in the order in which they stand.
        switch input.byte() % 44 {
        case 0..<14: return .upsert(id: id(&input), version: version(&input))
        case 14..<17: return .delete(id: id(&input))
        case 17: return .deleteAll(ids: (0..<input.below(6)).map { _ in id(&input) })
        case 18: return .refresh(slot: slot(&input))
        case 19..<22: return .commit(userData: userData(&input))
        case 22: return .prepare(userData: userData(&input))
        case 23: return .publishPrepared
        case 24: return .abortPrepared(isLetGo: input.byte() & 1 == 0)
        case 25: return .rollback
        case 26: return .reopen
        case 27: return .kill
        case 28: return .open(slot: slot(&input))
        case 29, 30: return .search(slot: slot(&input), query: query(&input), k: 1 + input.below(45))
        case 31:
            return .approximate(
                slot: slot(&input), query: query(&input), k: 1 + input.below(45), tenths: 1 + input.below(10))
        case 32: return .lookUp(slot: slot(&input), id: id(&input), query: query(&input))
        case 33: return .verify(slot: slot(&input))
        case 34: return .release(slot: slot(&input))
        case 35, 36: return .merge(to: 1 + input.below(4))
        case 37: return .backup(slot: slot(&input), isVerified: input.byte() & 1 == 0)
        case 38: return .attachCopy
        case 39:
            return .attach(
                first: id(&input), count: 1 + input.below(12), version: version(&input),
                commits: 1 + input.below(3))
        case 40: return .detach(segment: input.below(4))
        case 41: return .openSecondWriter
        case 42: return .fillDisk(bytes: Int(input.number(UInt16.self)) % 9000)
        default: return .emptyDisk
        }
    }
}
