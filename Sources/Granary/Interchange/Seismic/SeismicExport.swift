import GranaryStorage

/// The rows of a snapshot in Seismic's binary layout: what `SeismicFile` reads.
extension Snapshot {
    /// Writes all live documents, in order of insertion, in Seismic's binary layout.
    ///
    /// Components keep the numbers that the index has for them, ascending in each vector; weights are those
    /// stored. Ids and tokens have no place: `forEachKey` and `vocabulary` give them.
    /// - Parameter write: takes the bytes in order.
    /// - Throws: `unsupported` for more documents than the layout can count, `corrupt` for damaged bytes, and
    ///   what `write` throws.
    public func exportSeismic(_ write: ([UInt8]) throws(GranaryError) -> Void) throws(GranaryError) {
        guard let count = UInt32(exactly: documentCount) else {
            throw GranaryError(
                .unsupported, "expected up to \(UInt32.max) documents, found \(documentCount)")
        }
        var header = ByteWriter()
        header.append(count)
        try write(header.bytes)
        try forEachRow { (components, weights) throws(GranaryError) in
            var row = ByteWriter()
            row.append(UInt32(components.count))
            for component in components { row.append(component) }
            for weight in weights { row.append(weight.bitPattern) }
            try write(row.bytes)
        }
    }
}
