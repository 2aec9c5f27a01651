import CommandSupport
import Granary
import Testing

/// How a command line spells fusions.
@Suite struct FusionArgumentTests {
    static let good: [(String, Fusion)] = [
        ("dense", .dense), ("linear:sparse=0.3,dense=1", .linear(sparse: 0.3, dense: 1)),
        ("linear:dense=1e-3,sparse=0", .linear(sparse: 0, dense: 1e-3)),
        ("normalized:sparse=0.5,dense=0.5", .normalized(sparse: 0.5, dense: 0.5)),
        ("rrf", .reciprocalRank(k: 60, sparse: 1, dense: 1)),
        ("rrf:k=60,sparse=1,dense=1", .reciprocalRank(k: 60, sparse: 1, dense: 1)),
        ("rrf:dense=2", .reciprocalRank(k: 60, sparse: 1, dense: 2)),
        ("rrf:sparse=.5,k=0", .reciprocalRank(k: 0, sparse: 0.5, dense: 1)),
    ]

    @Test("A fusion is read", arguments: good)
    func reads(text: String, fusion: Fusion) throws { #expect(try FusionArgument.parse(text) == fusion) }

    static let bad: [(String, String)] = [
        ("", "dense, linear, rrf or normalized, found ``"), ("Dense", "found `Dense`"),
        ("sparse", "found `sparse`"), ("dense:", "`dense` alone"), ("dense:dense=1", "`dense` alone"),
        ("linear", "sparse=…"), ("linear:sparse=1", "dense=… for linear"),
        ("linear:dense=1", "sparse=… for linear"), ("linear:", "found ``"),
        ("linear:sparse=1,dense=1,", "found ``"), ("linear:k=1,sparse=1,dense=1", "found `k=1`"),
        ("linear:sparse=1,sparse=1,dense=1", "sparse once"), ("linear:sparse,dense=1", "found `sparse`"),
        ("linear:sparse=x,dense=1", "found `x`"), ("linear:sparse=,dense=1", "for sparse, found ``"),
        ("linear:sparse=nan,dense=1", "found `nan`"), ("linear:sparse=inf,dense=1", "found `inf`"),
        ("linear:sparse=-1,dense=1", "found `-1`"), ("linear: sparse=1,dense=1", "found ` sparse=1`"),
        ("normalized:dense=1", "for normalized"), ("rrf:k=-1", "found `-1`"),
        ("rrf:weight=1", "k=…, sparse=…, dense=… for rrf, found `weight=1`"),
    ]

    @Test("What is no fusion is refused with what was expected", arguments: bad)
    func refuses(text: String, says: String) throws {
        let error = try #require(throws: (any Error).self) { _ = try FusionArgument.parse(text) }
        #expect("\(error)".contains(says), "\(error)")
    }

    @Test("Metrics and elements have names")
    func names() {
        #expect(DenseMetric(argument: "ip") == .innerProduct)
        #expect(DenseMetric(argument: "cosine") == .cosine)
        #expect(DenseMetric(argument: "l2") == .euclidean)
        #expect(DenseMetric(argument: "innerProduct") == nil)
        #expect(DenseElement.allValueStrings == ["float32", "float16", "bfloat16", "int8"])
        #expect(DenseElement(argument: "bfloat16") == .bfloat16)
        #expect(DenseElement(argument: "float64") == nil)
    }
}
