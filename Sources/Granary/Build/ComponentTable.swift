import GranaryStorage

/// What a segment under construction knows of its components: a provisional number each, in order of
/// appearance, how many documents have it, and its largest weight.
struct ComponentTable {
    /// Components below this are looked up in an array, the others in a dictionary.
    private static let directLimit = 1 << 22
    private var direct: [UInt32] = []
    private var sparse: [UInt32: UInt32] = [:]
    /// By provisional number: the component itself.
    private(set) var components: [UInt32] = []
    /// By provisional number: documents that have it.
    private(set) var documentCounts: [UInt32] = []
    /// By provisional number: the largest weight.
    private(set) var largestWeights: [Float] = []

    /// Counts one entry of a document and returns its component's provisional number.
    mutating func add(_ component: UInt32, weight: Float) -> UInt32 {
        let number = provisional(component)
        documentCounts[Int(number)] &+= 1
        if weight > largestWeights[Int(number)] { largestWeights[Int(number)] = weight }
        return number
    }

    /// The provisional number of a component that some document has; nil for any other.
    func number(of component: UInt32) -> UInt32? {
        let position = Int(component)
        if position >= Self.directLimit { return sparse[component] }
        return position < direct.count && direct[position] != .max ? direct[position] : nil
    }

    private mutating func provisional(_ component: UInt32) -> UInt32 {
        let position = Int(component)
        if position < direct.count, direct[position] != .max { return direct[position] }
        if position >= Self.directLimit, let number = sparse[component] { return number }
        let number = UInt32(components.count)
        components.append(component)
        documentCounts.append(0)
        largestWeights.append(0)
        if position < Self.directLimit {
            while direct.count <= position { direct.append(.max) }
            direct[position] = number
        } else {
            sparse[component] = number
        }
        return number
    }

    /// Local numbers by descending document count (ties: smaller component first): components that many
    /// documents have get small numbers, so gaps are short and the hot part of a query table is dense.
    ///
    /// Returns, by provisional number, the local number, and by local number, the component.
    func numbered() -> (localOf: [UInt32], componentOf: [UInt32], order: [Int]) {
        let order = components.indices.sorted {
            (documentCounts[$0], components[$1]) > (documentCounts[$1], components[$0])
        }
        var localOf = [UInt32](repeating: 0, count: components.count)
        for (local, provisional) in order.enumerated() { localOf[provisional] = UInt32(local) }
        return (localOf, order.map { components[$0] }, order)
    }

    /// Bytes of memory in use, roughly.
    var memoryBytes: Int { direct.count * 4 + sparse.count * 32 + components.count * 12 }
}
