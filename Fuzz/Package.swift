// swift-tools-version: 6.2
// A package of its own: its executables have no main but libFuzzer's, so they only link with the flags of
// `Fuzz/run`.
import PackageDescription

let targets = ["FuzzManifest", "FuzzContainer", "FuzzSegment", "FuzzQuery", "FuzzImport"]

let package = Package(
    name: "fuzz",
    products: targets.map { .executable(name: $0, targets: [$0]) },
    dependencies: [.package(name: "granary", path: "..")],
    targets: [
        .target(name: "FuzzSupport", dependencies: [.product(name: "Granary", package: "granary")])
    ]
        + targets.map {
            .executableTarget(
                name: $0, dependencies: ["FuzzSupport", .product(name: "Granary", package: "granary")])
        }
)
