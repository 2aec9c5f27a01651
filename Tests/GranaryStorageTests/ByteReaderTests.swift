import GranaryStorage
import Testing

@Suite("Bytes of a structure")
struct ByteReaderTests {
    @Test("are read as they were written, little-endian")
    func roundTrip() throws {
        var writer = ByteWriter()
        writer.append(UInt8(1))
        writer.append(UInt16(0x0203))
        writer.append(UInt32(0x0405_0607))
        writer.append(UInt64(0x0809_0a0b_0c0d_0e0f))
        writer.append(Int32(-2))
        writer.append(Identifier128(high: 1, low: 2))
        writer.append(counted: [7, 8])
        #expect(writer.bytes.prefix(7) == [1, 3, 2, 7, 6, 5, 4])
        writer.pad(to: 50)
        writer.pad(to: 3)
        #expect(writer.bytes.count == 50)
        var reader = ByteReader(writer.bytes.rawBytes, path: "p")
        #expect(try reader.next(UInt8.self) == 1)
        #expect(try reader.next(UInt16.self) == 0x0203)
        #expect(try reader.next(UInt32.self) == 0x0405_0607)
        #expect(try reader.next(UInt64.self) == 0x0809_0a0b_0c0d_0e0f)
        #expect(try reader.next(Int32.self) == -2)
        #expect(try reader.nextIdentifier() == Identifier128(high: 1, low: 2))
        #expect(try reader.nextCounted(limit: 2) == [7, 8])
        let rest = (reader.position, reader.remaining)
        #expect(rest == (41, 9))
        try reader.skip(9)
        #expect(try reader.nextBytes(0) == [])
    }

    /// The error of reading from three bytes, the first of them read.
    private func error(_ body: (inout ByteReader) throws -> Void) -> GranaryError? {
        let bytes: [UInt8] = [0, 200, 0]
        var reader = ByteReader(bytes.rawBytes, path: "p", section: "s")
        do {
            try reader.skip(1)
            try body(&reader)
            return nil
        } catch { return error as? GranaryError }
    }

    @Test("that are not there are an error that names the place")
    func ends() {
        #expect(error { _ = try $0.next(UInt16.self) } == nil)
        let found = error { _ = try $0.next(UInt32.self) }
        #expect(
            found?.code == .truncated && found?.path == "p" && found?.section == "s" && found?.byteOffset == 1
        )
        #expect(error { _ = try $0.nextBytes(3) }?.code == .truncated)
        #expect(error { _ = try $0.nextBytes(-1) }?.code == .truncated)
        #expect(error { _ = try $0.nextBytes(.max) }?.code == .truncated)
        #expect(error { try $0.skip(3) }?.code == .truncated)
        #expect(error { try $0.skip(-1) }?.code == .truncated)
        #expect(error { _ = try $0.nextIdentifier() }?.code == .truncated)
        #expect(error { _ = try $0.nextCounted(limit: 5) }?.code == .truncated)
    }

    @Test("whose length is over a limit are corrupt")
    func limits() {
        let bytes: [UInt8] = [3, 0, 0, 0, 1, 2, 3]
        var reader = ByteReader(bytes.rawBytes, path: "p")
        #expect(
            codeThrownReading { () throws(GranaryError) in _ = try reader.nextCounted(limit: 2) } == .corrupt)
        var short = ByteReader(Array(bytes.dropLast()).rawBytes, path: "p")
        #expect(
            codeThrownReading { () throws(GranaryError) in _ = try short.nextCounted(limit: 3) } == .truncated
        )
    }

    private func codeThrownReading(_ body: () throws(GranaryError) -> Void) -> GranaryError.Code? {
        do throws(GranaryError) {
            try body()
            return nil
        } catch { return error.code }
    }
}
