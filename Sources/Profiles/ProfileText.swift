// The two ways between text and profile. Reading resolves what is inherited and checks everything;
// writing gives the complete profile in one fixed form, which reads back to the same value.

import Base
public import YAML

extension Profile {
    /// Reads a profile.
    ///
    /// - Parameters:
    ///   - text: the profile in its YAML form.
    ///   - file: the name that messages carry.
    ///   - load: the text of a base that `extends` names; by default the built-in ones.
    ///   - suspicions: is told of names that are nearly known ones, where somebody asks.
    /// - Returns: the profile with everything that it inherits.
    /// - Throws: every violation, with file, line, field and what was expected.
    public static func parse(
        _ text: String, file: String,
        loading load: (String) -> String? = { ProfileCatalog.text(named: $0) },
        suspicions: DiagnosticLog? = nil
    ) throws(ConfigurationError) -> Profile {
        let log = DiagnosticLog()
        let (document, origins) = withoutActuallyEscaping(load) { load in
            var resolution = ProfileResolution(log: log, load: load)
            let document = resolution.resolve(text, file: file)
            return (document, resolution.origins)
        }
        if let document, let suspicions { ProfileSpelling(log: suspicions).check(document) }
        return try read(document, origins, log: log)
    }

    /// Reads and checks a document that inherits nothing any more.
    static func read(
        _ document: YAMLNode?, _ origins: InheritedOrigins, log: DiagnosticLog
    ) throws(ConfigurationError) -> Profile {
        guard let document else { return try log.result(nil) }
        let profile = ProfileReader(root: YAMLReader(document, log: log)).read()
        if let profile {
            ProfileValidation(
                profile: profile, document: document, origins: origins, log: log
            ).check()
        }
        return try log.result(profile)
    }

    /// The complete profile, in the order of Protocols/profile.md.
    public var yaml: String { node.text }

    /// The same with `overrides` merged over it.
    ///
    /// - Throws: every violation of the result.
    public func applying(_ overrides: ProfileOverrides) throws(ConfigurationError) -> Profile {
        let log = DiagnosticLog()
        var resolution = ProfileResolution(log: log, load: { _ in nil })
        guard let base = resolution.resolve(yaml, file: "\(name).yaml") else {
            return try log.result(nil)
        }
        // Merged in, a role that is not there would be half a role, with a complaint of every field.
        for role in overrides.node["roles"]?.members ?? [] where base["roles"]?[role.name] == nil {
            let known = (base["roles"]?.members ?? []).map(\.name).joined(separator: ", ")
            log.report(
                "the profile has no role \(role.name); it has \(known)", at: role.location,
                field: "overrides.roles.\(role.name)")
        }
        guard log.diagnostics.isEmpty else { return try log.result(nil) }
        let merged = resolution.merge(base, overrides.node, field: "")
        var origins = resolution.origins
        origins.inherit(base, through: name, at: overrides.node.location)
        return try Self.read(merged, origins, log: log)
    }
}

/// What an operator changes in a profile for one cluster: a part of a profile in the same form,
/// merged by the same rules. What the deployment is (model, shape, command) cannot be changed so;
/// that takes a profile of one's own which extends the other.
public struct ProfileOverrides: Hashable, Sendable {
    let node: YAMLNode

    /// No changes.
    public static let none = ProfileOverrides(
        node: YAMLNode(.map([]), at: SourceLocation(file: "overrides", line: 1, column: 1)))

    private init(node: YAMLNode) {
        self.node = node
    }

    /// Overrides in a text of their own.
    public init(_ text: String, file: String) throws(ConfigurationError) {
        let log = DiagnosticLog()
        let reader = YAMLReader(try YAMLNode(parsing: text, file: file), log: log)
        self = try log.result(ProfileOverrides(reader))
    }

    /// What of overrides with mistakes can be judged all the same: whoever mends them sees every mistake.
    public init(judgeableOf reader: YAMLReader, for profile: Profile) {
        let roles = profile.roles.map(\.role.rawValue)
        node = reader.node.keeping(Self.fields) { name, value in
            guard name == "roles" else { return value }
            return value.keeping(roles) { $1.keeping(Self.roleFields) { $1 } }
        }
    }

    private static let fields = [
        "sglang", "paths", "host", "unset", "source", "environment", "arguments", "roles",
        "store", "router", "benchmark",
    ]
    private static let roleFields = ["ports", "environment", "arguments"]

    /// Overrides inside another document; nil where a field is not one that can be changed, which
    /// the reader's log then tells.
    public init?(_ reader: YAMLReader) {
        let before = reader.log.diagnostics.count
        let fields = reader.fields(Self.fields)
        if let roles = fields?["roles"]?.fields(ProfileReader.roles) {
            for name in ProfileReader.roles {
                _ = roles[name]?.fields(Self.roleFields)
            }
        }
        _ = fields?["router"]?.fields(["host", "port", "metrics_port", "arguments"])
        _ = fields?["benchmark"]?.fields(["arguments"])
        guard reader.log.diagnostics.count == before else { return nil }
        ProfileSpelling(log: reader.log).check(reader.node, field: reader.field)
        node = reader.node
    }
}

extension YAMLNode {
    /// A map with those members alone, each made from its value; anything else as an empty map.
    fileprivate func keeping(
        _ names: [String], _ make: (_ name: String, _ value: YAMLNode) -> YAMLNode
    ) -> YAMLNode {
        let kept = (members ?? []).filter { names.contains($0.name) }.map {
            YAMLMember($0.name, at: $0.location, make($0.name, $0.value))
        }
        return YAMLNode(.map(kept), at: location)
    }
}
