internal import CGranary
import GranaryStorage

/// A section of impact-ordered posting lists, as in `Formats/impacts.md`. Nothing in it is trusted: the
/// kernels check each list against its section.
struct ImpactsView: ~Escapable {
    /// The lists. At least 64 bytes behind them can be read.
    let bytes: RawSpan
    /// components × windows + 1 ascending offsets of lists, in units of 2 bytes.
    let starts: Span<UInt32>
    /// Local components are below this.
    let components: UInt32
    /// Windows of documents.
    let windows: UInt32
    /// Documents of the segment.
    let documents: UInt32

    /// Documents of a window.
    static let window = Int(GRANARY_WINDOW)

    /// The windows of a segment of so many documents.
    static func windows(documents: Int) -> Int { (documents + window - 1) / window }

    @_lifetime(copy bytes, copy starts)
    init(bytes: RawSpan, starts: Span<UInt32>, components: UInt32, windows: UInt32, documents: UInt32) {
        self.bytes = bytes
        self.starts = starts
        self.components = components
        self.windows = windows
        self.documents = documents
    }

    /// What a search looks for: see `granary_impact_query`.
    struct Request {
        var least: Float
        var scale: Float
        /// Whether sums have 16 bits; an estimate is then a 256th of one.
        var isWide = false
        var factor: Float
        var k: Int
        var floor: UInt8
    }

    /// What was found besides the candidates.
    struct Found {
        /// Candidates, the first of `scratch.found`.
        var count: Int
        /// The k-th best estimate; 0 when fewer than k documents were found.
        var kth: UInt8
        /// Whether candidates were dropped because there were too many.
        var isTruncated: Bool
        var postings: Int
    }

    /// Adds up impacts and leaves the candidates in `scratch.found`, best estimates first; nil for malformed
    /// lists.
    ///
    /// - Parameters:
    ///   - allowed: a bit for each document that may be found; empty for all.
    ///   - dead: a bit for each that may not; empty for none.
    func search(
        _ request: Request, components: [UInt32], weights: [Float], allowed: [UInt64], dead: [UInt64],
        _ scratch: inout ImpactScratch, level: Int32 = Kernels.bestLevel
    ) -> Found? {
        let words = (Int(documents) + 63) / 64
        guard weights.count == components.count, allowed.isEmpty || allowed.count >= words,
            dead.isEmpty || dead.count >= words, isWhole
        else { return nil }
        scratch.makeRoom(k: request.k)
        let most = scratch.found.count
        // SAFETY: `makeRoom` gives each buffer the size that the kernel asks for; bitmaps were checked above;
        // the kernel checks lists and components against the view.
        return unsafe withView { view in
            unsafe components.withUnsafeBufferPointer { components in
                unsafe weights.withUnsafeBufferPointer { weights in
                    unsafe allowed.withUnsafeBufferPointer { allowed in
                        unsafe dead.withUnsafeBufferPointer { dead in
                            var query = unsafe granary_impact_query(
                                components: components.baseAddress, weights: weights.baseAddress,
                                n: components.count, least: request.least, scale: request.scale,
                                wide: request.isWide ? 1 : 0,
                                factor: request.factor, k: UInt32(clamping: request.k), floor: request.floor,
                                allowed: allowed.isEmpty ? nil : allowed.baseAddress,
                                dead: dead.isEmpty ? nil : dead.baseAddress)
                            return unsafe scratch.withC { state in
                                let count = unsafe granary_impacts_search(view, &query, state, level)
                                return unsafe count < 0
                                    ? nil
                                    : Found(
                                        count: min(count, most), kth: state.pointee.kth,
                                        isTruncated: state.pointee.truncated != 0,
                                        postings: Int(state.pointee.postings))
                            }
                        }
                    }
                }
            }
        }
    }

    /// Checks the list of a component in a window, and calls `visit` with each posting's ordinal and level;
    /// returns how many there are, nil for a malformed list or when `visit` returned false.
    func check(_ component: UInt32, window: UInt32, _ visit: (UInt32, UInt8) -> Bool) -> Int? {
        guard component < components, window < windows, isWhole else { return nil }
        let number = UInt64(component) * UInt64(windows) + UInt64(window)
        return withoutActuallyEscaping(visit) { visit in
            // SAFETY: the box lives until the call is over; the kernel checks the list against the view.
            unsafe withView { view in
                let box = Visitor(visit)
                let count = withExtendedLifetime(box) {
                    unsafe granary_impacts_check(
                        view, number,
                        { context, ordinal, level in
                            guard let context = unsafe context else { return 1 }
                            let box = unsafe Unmanaged<Visitor>.fromOpaque(context).takeUnretainedValue()
                            return box.visit(ordinal, level) ? 0 : 1
                        }, Unmanaged.passUnretained(box).toOpaque())
                }
                return count < 0 ? nil : count
            }
        }
    }

    private final class Visitor {
        let visit: (UInt32, UInt8) -> Bool
        init(_ visit: @escaping (UInt32, UInt8) -> Bool) { self.visit = visit }
    }

    /// Whether there is a start for each list.
    private var isWhole: Bool {
        starts.count == Int(components) * Int(windows) + 1
            && windows == Self.windows(documents: Int(documents))
    }

    /// Calls `body` with the C form of the view, valid during the call.
    @unsafe private func withView<Result>(_ body: (UnsafePointer<granary_impacts>) -> Result) -> Result {
        let (components, windows, documents) = (components, windows, documents)
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe starts.withUnsafeBufferPointer { starts in
                var view = unsafe granary_impacts(
                    postings: bytes.baseAddress?.assumingMemoryBound(to: UInt16.self),
                    length: UInt64(bytes.count / 2), starts: starts.baseAddress, components: components,
                    windows: windows, documents: documents)
                return unsafe withUnsafePointer(to: &view) { unsafe body($0) }
            }
        }
    }
}

/// The working memory of a search of impact-ordered lists.
struct ImpactScratch: Sendable {
    /// A sum for each document of a window; zero between searches.
    private var sums: [UInt8] = []
    private var wideSums: [UInt16] = []
    private var ordinals: [UInt32] = []
    private var estimates: [UInt8] = []
    /// The candidates of the last search, best estimates first.
    private(set) var found: [UInt32] = []

    /// Candidates at most, whatever k.
    private static let leastRoom = 16_384

    /// Makes room for the candidates of a search for k documents.
    mutating func makeRoom(k: Int) {
        let most = max(Self.leastRoom, 4 * min(k, 1 << 24))
        if found.count >= most { return }
        sums = [UInt8](repeating: 0, count: ImpactsView.window)
        wideSums = [UInt16](repeating: 0, count: ImpactsView.window)
        ordinals = [UInt32](repeating: 0, count: ImpactsView.window + most)
        estimates = [UInt8](repeating: 0, count: ImpactsView.window + most)
        found = [UInt32](repeating: 0, count: most)
    }

    /// Calls `body` with the C form, valid during the call. Room has been made.
    @unsafe mutating func withC<Result>(
        _ body: (UnsafeMutablePointer<granary_impact_scratch>) -> Result
    ) -> Result {
        unsafe sums.withUnsafeMutableBufferPointer { sums in
            unsafe wideSums.withUnsafeMutableBufferPointer { wideSums in
                unsafe ordinals.withUnsafeMutableBufferPointer { ordinals in
                    unsafe estimates.withUnsafeMutableBufferPointer { estimates in
                        unsafe found.withUnsafeMutableBufferPointer { found in
                            var state = unsafe granary_impact_scratch(
                                sums: sums.baseAddress, wide_sums: wideSums.baseAddress,
                                ordinals: ordinals.baseAddress, estimates: estimates.baseAddress,
                                found: found.baseAddress, most: UInt32(found.count), kth: 0, truncated: 0,
                                postings: 0)
                            return unsafe withUnsafeMutablePointer(to: &state) { unsafe body($0) }
                        }
                    }
                }
            }
        }
    }
}

extension Kernels {
    /// The weight that stands for all weights of the level of a weight.
    static func levelWeight(of weight: Float) -> Float { granary_level_weight(granary_level(weight)) }

    /// The level of a stored weight: a quarter of an octave.
    static func level(of weight: Float) -> UInt8 { granary_level(weight) }
}
