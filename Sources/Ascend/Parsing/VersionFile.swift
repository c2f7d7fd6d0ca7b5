// The files in which the Ascend packages tell their versions. Driver, firmware and toolkit write
// `Name=value`, the ATB library of NNAL `Name : value`; which name holds the version depends on the
// package and its age.

/// A version file of either form.
public struct VersionFile: Hashable, Sendable {
    /// By the name's letters and digits, lower case.
    private let values: [String: String]
    private let firstLine: String

    public init(_ text: String) {
        let all = lines(of: text)
        firstLine = quotable(all.first { !trimmed($0).isEmpty } ?? "")
        values = Dictionary(
            all.compactMap { Entry($0, separator: { $0 == "=" || $0 == ":" }) }
                .map { ($0.name, String($0.value)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The value of that name; nil where there is none or it is empty.
    public subscript(name: String) -> String? {
        values[Entry.folded(name)].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The version of the package.
    public func version() throws(ParseError) -> String {
        // The second name of ATB is the one with the build in it.
        for name in ["Version", "Ascend-cann-atb Version", "Ascend-cann-atb", "package_version"] {
            if let value = self[name] { return value }
        }
        throw ParseError(expected: "a line \"Version=…\"", line: firstLine)
    }
}

/// Answers of the engine's Python about installed packages: lines `glm-package NAME VERSION`, with `-`
/// for what is not installed. Anything else it prints is of no interest.
public enum PythonPackages {
    /// What a group must have in equal versions, by the names on the package index.
    public static let names = [
        "torch", "torch_npu", "sglang", "sglang-router", "sgl-kernel-npu", "memfabric-hybrid",
        "triton-ascend", "transformers",
    ]

    /// The program that prints the lines; it imports none of the packages.
    public static let program = """
        import importlib.metadata as metadata, platform, sys
        print("glm-package", "python", platform.python_version())
        for name in sys.argv[1:]:
            try:
                version = metadata.version(name)
            except metadata.PackageNotFoundError:
                version = "-"
            print("glm-package", name, version)
        """

    public static func parse(_ text: String) throws(ParseError) -> [PackageVersion] {
        let packages = lines(of: text).compactMap { line -> PackageVersion? in
            let words = words(of: line)
            guard words.count == 3, words[0] == "glm-package" else { return nil }
            return PackageVersion(
                name: String(words[1]), version: words[2] == "-" ? nil : String(words[2]))
        }
        guard !packages.isEmpty else {
            throw ParseError(
                expected: "lines \"glm-package NAME VERSION\"",
                line: lines(of: text).last { !trimmed($0).isEmpty } ?? "")
        }
        return packages
    }
}

/// A Python package.
public struct PackageVersion: Hashable, Sendable {
    public let name: String
    /// nil where it is not installed.
    public let version: String?

    public init(name: String, version: String?) {
        self.name = name
        self.version = version
    }
}
