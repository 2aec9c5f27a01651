import GranaryStorage
import Testing

@Suite("A path")
struct PathNameTests {
    @Test(
        "has a parent and a last part",
        arguments: [
            ("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b", "a", "b"), ("/a/b/", "/a", "b"),
            ("a//", ".", "a"), ("/a//b", "/a", "b"), ("./a", ".", "a"), ("/", "/", ""), ("//a", "/", "a"),
        ])
    func parts(_ path: String, _ parent: String, _ name: String) {
        #expect(PathName.parent(path) == parent)
        #expect(PathName.name(path) == name)
    }

    @Test(
        "has one normal form",
        arguments: [
            ("/a//b/", "/a/b"), ("./a", "a"), (".", "."), ("", "."), ("/", "/"), ("/./a/.", "/a"),
            ("/a/../b", "/b"),
            ("/..", "/"), ("a/..", "."), ("../a", "../a"), ("/d/..", "/"), ("a/b/../..", "."),
            ("../..", "../.."),
        ])
    func normal(_ path: String, _ normal: String) { #expect(PathName.normal(path) == normal) }
}
