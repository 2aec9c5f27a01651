import GranaryStorage

/// What a segment learnt about itself when it was written: for a recall, the cheapest settings that reached
/// it on documents used as queries. Stored in the segment; see `Formats/segment.md`.
struct Calibration: Sendable {
    /// One recall and the settings that reached it.
    struct Row: Sendable, Equatable {
        var recall: Float
        var settings: SearchSettings
        /// The recall measured with these settings.
        var measured: Float
    }

    /// By ascending recall.
    private(set) var rows: [Row]
    /// Whether the segment has measured them itself.
    let isMeasured: Bool
    /// Whether they are for impact-ordered lists.
    private let hasImpacts: Bool

    /// Used where nothing has been measured.
    static let defaults: [Row] = [
        Row(recall: 0.9, settings: settings(false, 0.6, 0.9), measured: 0),
        Row(recall: 0.95, settings: settings(false, 0.75, 0.85), measured: 0),
        Row(recall: 0.998, settings: settings(false, 0.95, 0.6), measured: 0),
    ]
    /// The same for segments with impact-ordered lists.
    static let impactDefaults: [Row] = [
        Row(recall: 0.9, settings: settings(true, 0.3, 0.8), measured: 0),
        Row(recall: 0.95, settings: settings(true, 0.18, 0.75), measured: 0),
        Row(recall: 0.998, settings: settings(true, 0.036, 0.6), measured: 0),
    ]
    private static let rowBytes = 16

    /// What the two numbers of a row say: how much of the lists is read, and the estimates' factor.
    private static func settings(_ hasImpacts: Bool, _ reading: Double, _ factor: Double) -> SearchSettings {
        hasImpacts
            ? SearchSettings(leastImpact: reading, estimateFactor: factor)
            : SearchSettings(listMass: reading, estimateFactor: factor)
    }

    /// Reads the section; without one the defaults hold.
    ///
    /// - Throws: `corrupt` for values out of range or out of order.
    init(_ section: Section?, hasImpacts: Bool, path: String) throws(GranaryError) {
        isMeasured = section != nil
        self.hasImpacts = hasImpacts
        guard let section else {
            rows = hasImpacts ? Self.impactDefaults : Self.defaults
            return
        }
        var reader = ByteReader(section.bytes, path: path, section: section.id.name)
        rows = []
        for _ in 0..<section.count / Self.rowBytes {
            let recall = Float(bitPattern: try reader.next(UInt32.self))
            let reading = Float(bitPattern: try reader.next(UInt32.self))
            let factor = Float(bitPattern: try reader.next(UInt32.self))
            let measured = Float(bitPattern: try reader.next(UInt32.self))
            guard recall > rows.last?.recall ?? 0, recall <= 1, (0...1).contains(reading),
                (0...10).contains(factor),
                (0...1).contains(measured)
            else {
                throw GranaryError(
                    .corrupt,
                    "expected ascending recalls with their settings, found \(recall), \(reading), \(factor)",
                    path: path, section: section.id.name)
            }
            rows.append(
                Row(
                    recall: recall,
                    settings: Self.settings(hasImpacts, Double(reading), Double(factor)),
                    measured: measured))
        }
    }

    init(rows: [Row], hasImpacts: Bool) {
        self.rows = rows
        self.hasImpacts = hasImpacts
        isMeasured = true
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        for row in rows {
            writer.append(row.recall.bitPattern)
            let settings = row.settings
            writer.append(Float(hasImpacts ? settings.leastImpact : settings.listMass).bitPattern)
            writer.append(Float(row.settings.estimateFactor).bitPattern)
            writer.append(row.measured.bitPattern)
        }
        return writer.bytes
    }

    /// The settings for a recall; nil when only an exact search is sure to reach it.
    ///
    /// A recall up to 0.01 above the most that blocks reach is not worth an exact search, which takes a
    /// hundred times as long: it gets the most.
    func settings(forRecall recall: Double) -> SearchSettings? {
        if recall >= 1 { return nil }
        if let row = rows.first(where: { Double($0.recall) >= recall - 1e-6 }) { return row.settings }
        guard let last = rows.last, Double(last.measured) >= recall - 0.01 else { return nil }
        return last.settings
    }

    /// The settings for a recall among the documents that match a filter; nil as above.
    ///
    /// The best of few documents score less, where estimates tell less: the smaller the share, the fewer
    /// misses among all documents are allowed, down to a fifth. Measured in `Tools/granary-bench/RESULTS.md`.
    func settings(forRecall recall: Double, amongShare share: Double) -> SearchSettings? {
        let asked = settings(forRecall: recall)
        guard hasImpacts, asked != nil else { return asked }
        let misses = (1 - recall) * max(0.2, share.squareRoot())
        return settings(forRecall: 1 - misses) ?? rows.last?.settings
    }
}
