#if DEBUG || FUZZING
    import Granary

    /// The decoders one by one, on bytes of their own: no index, file or checksum stands before them, so that
    /// an input costs microseconds.
    ///
    /// Input: u8 decoder (its place in `Decoder`, modulo their number) | what the decoder's own harness says.
    public enum CodecHarness {
        /// What is decoded. New ones go to the end, or every corpus means something else.
        public enum Decoder: UInt8, CaseIterable, Sendable {
            case rows, summaries, blocks, impacts, dense, tombstones, fields, keys, components, payloads
            case compression, calibration, facts, denseFacts, schema, documentKey, reader, checksums
        }

        /// Decodes some bytes.
        ///
        /// - Returns: whether the bytes say what a writer could have written.
        /// - Throws: `Finding`.
        @discardableResult
        public static func run(_ input: inout Input) throws -> Bool {
            switch Decoder.allCases[input.below(Decoder.allCases.count)] {
            case .rows: try RowsCodec.run(&input)
            case .summaries: try SummariesCodec.run(&input)
            case .blocks: try BlocksCodec.run(&input)
            case .impacts: try ImpactsCodec.run(&input)
            case .dense: try DenseCodec.run(&input)
            case .tombstones: try TombstonesCodec.run(&input)
            case .fields: try FieldsCodec.run(&input)
            case .keys: try KeysCodec.run(&input)
            case .components: try ComponentsCodec.run(&input)
            case .payloads: try PayloadsCodec.run(&input)
            case .compression: try CompressionCodec.run(&input)
            case .calibration: try CalibrationCodec.run(&input)
            case .facts: try FactsCodec.run(&input)
            case .denseFacts: try DenseFactsCodec.run(&input)
            case .schema: try SchemaBytesCodec.run(&input)
            case .documentKey: try DocumentKeyBytesCodec.run(&input)
            case .reader: try ReaderCodec.run(&input)
            case .checksums: try ChecksumsCodec.run(&input)
            }
        }
    }
#endif
