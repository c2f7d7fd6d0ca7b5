// swift-tools-version: 6.2
import PackageDescription

// Every target is built in Swift 6 mode, with warnings as errors. A target imports only what is
// listed here; Sources/README.md draws the layers.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The pure cores are optimized in debug builds too: the tests run a thousand simulated clusters.
let optimized = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A library of this project and the test target beside it.
func module(
    _ name: String, _ dependencies: [Target.Dependency], tests: [Target.Dependency] = [],
    resources: [Resource] = [], exclude: [String] = [], testExclude: [String] = [],
    settings: [SwiftSetting] = strict
) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies, exclude: exclude, resources: resources,
            swiftSettings: settings),
        .testTarget(
            name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies + tests,
            exclude: testExclude, swiftSettings: strict),
    ]
}

/// A C library of the system, found by pkg-config.
func system(_ name: String, pkgConfig: String, debian: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian])])
}

let cLibraries: [Target] = [
    // The loop, TCP, Unix sockets, processes, signals and files: one well-kept library for all.
    system("CLibuv", pkgConfig: "libuv", debian: "libuv1-dev"),
    // The bytes of the wire: CBOR is specified (RFC 8949) and read by every language.
    system("CLibcbor", pkgConfig: "libcbor", debian: "libcbor-dev"),
    // Configuration and profiles, with a line and column for every node.
    system("CLibyaml", pkgConfig: "yaml-0.1", debian: "libyaml-dev"),
    // TLS 1.3 with a pre-shared key between agents.
    system("COpenSSL", pkgConfig: "openssl", debian: "libssl-dev"),
    // HTTP server: control socket, read-only listener, the rehearsal engine's surface.
    system("CMicrohttpd", pkgConfig: "libmicrohttpd", debian: "libmicrohttpd-dev"),
    // HTTP client: probes, the command line, the rehearsal router.
    system("CCurl", pkgConfig: "libcurl", debian: "libcurl4-openssl-dev"),
]

// Layer 0: primitives and byte formats.
let primitives: [Target] =
    module("Base", [], settings: optimized)
    + module("CBOR", ["Base", "CLibcbor"], settings: optimized)
    + module("YAML", ["Base", "CLibyaml"], settings: optimized)

// Layers 1 to 3: pure cores. Values in, actions out.
let cores: [Target] =
    module("Membership", ["Base"], settings: optimized)
    + module("Consensus", ["Base"], settings: optimized)
    + module("Diagnosis", ["Base"], settings: optimized)
    + module("Supervision", ["Base", "Diagnosis"], settings: optimized)
    + module("Ascend", ["Base"], testExclude: ["Fixtures"], settings: optimized)
    + module(
        "Profiles", ["Base", "YAML"], resources: [.embedInCode("Published")],
        settings: optimized)
    + module(
        "Planning", ["Base", "Ascend", "Profiles"], testExclude: ["Published"], settings: optimized)
    + module("Doctor", ["Base", "YAML", "Ascend", "Profiles"], settings: optimized)
    + module(
        "ClusterState", ["Base", "YAML", "Diagnosis", "Planning", "Supervision"],
        settings: optimized)
    + module(
        "WireProtocol",
        [
            "Base", "CBOR", "Ascend", "Membership", "Consensus", "Diagnosis", "Supervision",
            "Planning", "ClusterState", "Doctor",
        ], settings: optimized)
    + module(
        "Node",
        [
            "Base", "YAML", "Ascend", "Membership", "Consensus", "Diagnosis", "Supervision",
            "Profiles", "Planning", "ClusterState", "WireProtocol", "CBOR", "Doctor",
        ], tests: ["Simulation"], settings: optimized)
    + module(
        "Simulation",
        [
            "Base", "YAML", "Membership", "Consensus", "Diagnosis", "Supervision", "Profiles",
            "Planning", "ClusterState", "WireProtocol", "CBOR", "Node", "Ascend", "Doctor",
        ], settings: optimized)

// Layer 4: the world. One loop thread.
let shell: [Target] =
    [.target(name: "CSystem")]
    + module("EventLoop", ["Base", "CLibuv"])
    + module("Transport", ["Base", "EventLoop", "COpenSSL"])
    + module("HTTP", ["Base", "EventLoop", "CMicrohttpd", "CCurl"])
    + module(
        "Storage", ["Base", "EventLoop", "Consensus"], tests: ["StorageTestHelper"])
    + [
        // A program that only writes, for tests that kill it.
        .executableTarget(
            name: "StorageTestHelper",
            dependencies: ["Base", "EventLoop", "Consensus", "Storage", "CSystem"],
            path: "Tests/StorageTestHelper", swiftSettings: strict)
    ]
    + module("Host", ["Base", "EventLoop", "CSystem", "Ascend"], tests: ["PretendNode"])
    + [
        // A directory that looks like a node with NPUs, for tests.
        .target(
            name: "PretendNode", dependencies: ["Base", "EventLoop"], path: "Tests/PretendNode",
            exclude: ["README.md", "make-root", "five-faults", "tools"], swiftSettings: strict)
    ]
    + module(
        "Engines",
        [
            "Base", "EventLoop", "HTTP", "Diagnosis", "Supervision", "Profiles", "Planning", "Host",
            "CSystem",
        ],
        tests: ["EnginesTestHelper"])
    + [
        // The shim as a real program, for tests that kill it.
        .executableTarget(
            name: "EnginesTestHelper", dependencies: ["Engines", "CSystem"],
            path: "Tests/EnginesTestHelper", swiftSettings: strict)
    ]
    + module(
        "ControlAPI",
        [
            "Base", "HTTP", "EventLoop", "Membership", "Node", "ClusterState", "Planning",
            "Profiles", "Diagnosis", "Supervision", "WireProtocol", "YAML",
        ])
    + module("RehearsalEngine", ["Base", "EventLoop", "HTTP", "CSystem"])
    + module(
        "AgentRuntime",
        [
            "Base", "YAML", "EventLoop", "Transport", "HTTP", "Storage", "Engines", "Host",
            "ControlAPI", "Node", "Profiles", "Planning", "ClusterState", "Supervision",
            "Consensus", "Membership", "WireProtocol", "Ascend", "Doctor", "Diagnosis",
        ], tests: ["PretendNode"])

// Layer 5: the command line.
let program: [Target] =
    module(
        "AgentCLI",
        [
            "Base", "YAML", "EventLoop", "HTTP", "ControlAPI", "AgentRuntime", "Host", "Engines",
            "RehearsalEngine", "Profiles", "Planning", "ClusterState", "Supervision", "Node",
            "Simulation", "CSystem", "Ascend", "Doctor", "Diagnosis",
        ], tests: ["PretendNode"])
    + [
        .executableTarget(
            name: "glm-agent", dependencies: ["AgentCLI"], swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Base", "EventLoop", "HTTP", "Host", "RehearsalEngine", "PretendNode", "glm-agent",
            ], swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["Base"], swiftSettings: strict),
    ]

let package = Package(
    name: "glm-agent",
    products: [.executable(name: "glm-agent", targets: ["glm-agent"])],
    targets: cLibraries + primitives + cores + shell + program
)
