// swift-tools-version: 6.2
import PackageDescription

/// Language mode 6 comes with the tools version; these settings add what it leaves optional.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// What only `Fuzz/run` builds: an executable that has no main but libFuzzer's, and links with its flags alone;
/// or one that runs inputs without it, to see what they reach.
let fuzzers: [Target] =
    switch Context.environment["GRANARY_FUZZ"] {
    case nil: []
    case "replay":
        [
            .executableTarget(
                name: "FuzzReplay", dependencies: ["FuzzSupport"], path: "Fuzz/Sources/FuzzReplay",
                swiftSettings: strict)
        ]
    default:
        [
            .executableTarget(
                name: "FuzzEngine", dependencies: ["FuzzSupport"], path: "Fuzz/Sources/FuzzEngine")
        ]
    }

/// For the fuzzer, how its counters stand in harnesses and kernels: it need not learn the way through a harness, and
/// comparisons in a kernel are with no magic numbers. To tell it of each takes half of the time.
let isFuzzing = Context.environment["GRANARY_FUZZ"] == "engine"
let harnessSettings: [SwiftSetting] =
    isFuzzing ? [.unsafeFlags(["-sanitize-coverage=func,inline-8bit-counters,pc-table"])] : []
let kernelSettings: [CSetting] =
    isFuzzing ? [.unsafeFlags(["-fno-sanitize-coverage=trace-cmp,trace-div,trace-gep"])] : []

let package = Package(
    name: "granary",
    products: [
        .library(name: "Granary", targets: ["Granary"]),
        .executable(name: "granary", targets: ["GranaryCommand"]),
        .executable(name: "granary-bench", targets: ["GranaryBench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        .target(
            name: "CGranary",
            // Renaming without replacing, and locks of open file descriptions.
            cSettings: [.define("_GNU_SOURCE")] + kernelSettings),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .target(name: "GranaryStorage", dependencies: ["CGranary"], swiftSettings: strict),
        .target(
            name: "Granary", dependencies: ["CGranary", "CZstd", "CLZ4", "GranaryStorage"],
            swiftSettings: strict),
        .target(
            name: "CommandSupport",
            dependencies: ["Granary", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tools/support", swiftSettings: strict),
        .executableTarget(
            name: "GranaryCommand",
            dependencies: [
                "CommandSupport", "Granary",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tools/granary", swiftSettings: strict),
        .executableTarget(
            name: "GranaryBench",
            dependencies: [
                "CommandSupport", "Granary",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tools/granary-bench",
            exclude: ["RESULTS.md", "beside-peers", "check-exact", "dense-peers", "under-limit"],
            swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["Granary", "GranaryStorage"], path: "Tests/TestSupport",
            swiftSettings: strict + harnessSettings),
        // What the fuzzer does with bytes, which the tests do with those of the corpus.
        .target(
            name: "FuzzSupport", dependencies: ["CGranary", "Granary", "GranaryStorage", "TestSupport"],
            path: "Fuzz/Sources/FuzzSupport", swiftSettings: strict + harnessSettings),
        // For the tests of the real system; no product.
        .executableTarget(
            name: "granary-stress",
            dependencies: [
                "CommandSupport", "FuzzSupport", "Granary", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tools/granary-stress", swiftSettings: strict),
        // Writes the golden indexes; no product.
        .executableTarget(
            name: "granary-golden",
            dependencies: [
                "GranaryStorage", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tools/granary-golden", swiftSettings: strict),
        .testTarget(
            name: "GranaryStorageTests", dependencies: ["CGranary", "GranaryStorage", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "GranaryTests",
            dependencies: ["CGranary", "FuzzSupport", "Granary", "GranaryStorage", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "CommandSupport", "GranaryCommand", "GranaryBench", "granary-stress", "Granary",
                "GranaryStorage", "TestSupport",
            ],
            // Read where they lie.
            exclude: ["Interchange/Fixtures"],
            swiftSettings: strict),
    ] + fuzzers
)
