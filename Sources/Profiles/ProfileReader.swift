// From the merged tree to the typed profile. Everything that one field alone can get wrong is
// reported here; what fields say about each other is checked in ProfileValidation.

import Base
import YAML

struct ProfileReader {
    let root: YAMLReader

    static let fields = [
        "profile", "summary", "extends", "published", "model", "hardware", "cards",
        "devices_per_card", "quantization", "sglang", "command", "paths", "host", "unset",
        "source", "environment", "arguments", "roles", "store", "router", "benchmark",
        "deviations", "notes",
    ]
    static let roles = ["prefill", "decode", "mixed"]

    /// The profile; nil where a required field is missing or unreadable, which the log then tells.
    func read() -> Profile? {
        guard let fields = root.fields(Self.fields) else { return nil }
        let name = fields.required("profile").flatMap(readName)
        let model = fields.required("model")?.string()
        let hardware = fields.required("hardware")?.string()
        let cards = fields.required("cards")?.integer(in: 1...65536)
        let command = fields.required("command").flatMap(readCommand)
        let roles = fields.required("roles").flatMap(readRoles)
        let tuning = fields["host"]?.fields(["governor", "sysctl"])
        guard let name, let model, let hardware, let cards, let command, let roles else {
            return nil
        }
        return Profile(
            name: name, summary: fields["summary"]?.string(),
            published: fields["published"].flatMap(readPublication), model: model,
            hardware: hardware, cards: cards,
            devicesPerCard: fields["devices_per_card"]?.integer(in: 1...64) ?? 1,
            quantization: fields["quantization"]?.string(),
            sglang: fields["sglang"].flatMap(readVersions), command: command,
            paths: fields["paths"].map(readPaths) ?? [],
            sysctl: tuning?["sysctl"].map { readValues($0, of: "kernel settings") } ?? [],
            governor: tuning?["governor"]?.string(),
            unset: fields["unset"].map(readUnset) ?? [],
            source: fields["source"]?.strings(of: "shell files") ?? [],
            environment: fields["environment"].map(readEnvironment) ?? [],
            arguments: fields["arguments"].map(readArguments) ?? [], roles: roles,
            store: fields["store"].flatMap(readStore),
            router: fields["router"].flatMap(readRouter),
            benchmark: fields["benchmark"].flatMap(readBenchmark),
            deviations: fields["deviations"].map(readDeviations) ?? [],
            notes: fields["notes"].map { readValues($0, of: "notes by topic") } ?? [])
    }

    private func readName(_ reader: YAMLReader) -> String? {
        guard let name = reader.string() else { return nil }
        let allowed = name.allSatisfy { character in
            character.isASCII
                && (character.isLowercase || character.isNumber || "-._".contains(character))
        }
        if allowed, name.count <= 128, name.first?.isPunctuation == false { return name }
        reader.reportExpected("a name of lower-case letters, digits, \"-\", \".\" and \"_\"")
        return nil
    }

    private func readPublication(_ reader: YAMLReader) -> Publication? {
        guard
            let fields = reader.fields([
                "heading", "category", "deploy_mode", "dataset", "tpot", "configuration",
            ]),
            let heading = fields.required("heading")?.string(),
            let category = fields.required("category")?.string(),
            let mode = fields.required("deploy_mode")?.string(),
            let dataset = fields.required("dataset")?.string(),
            let tpot = fields.required("tpot"), tpot.duration() != nil, let target = tpot.string(),
            let configuration = fields.required("configuration")?.string()
        else { return nil }
        return Publication(
            heading: heading, category: category, deployMode: mode, dataset: dataset, tpot: target,
            configuration: configuration)
    }

    private func readVersions(_ reader: YAMLReader) -> VersionRange? {
        guard let text = reader.string(), let range = VersionRange(text) else {
            reader.reportExpected("version conditions such as \">=0.5.9 <0.5.20\"")
            return nil
        }
        return range
    }

    private func readCommand(_ reader: YAMLReader) -> [String]? {
        guard let words = reader.strings(of: "words") else { return nil }
        if words.isEmpty { reader.report("expected at least the program") }
        return words
    }

    private func readRoles(_ reader: YAMLReader) -> [RoleProfile]? {
        guard let fields = reader.fields(Self.roles) else { return nil }
        var roles: [RoleProfile] = []
        for name in Self.roles {
            guard let role = Role(rawValue: name), let field = fields[name] else { continue }
            guard let profile = readRole(role, field) else { return nil }
            roles.append(profile)
        }
        return roles
    }

    private func readRole(_ role: Role, _ reader: YAMLReader) -> RoleProfile? {
        guard
            let fields = reader.fields([
                "groups", "nodes", "devices", "ports", "environment", "arguments",
            ])
        else { return nil }
        let groups = fields.required("groups")?.integer(in: 1...256)
        let nodes = fields.required("nodes")?.integer(in: 1...1024)
        let devices = fields.required("devices").flatMap { readDevices($0, groups: groups) }
        let ports = fields.required("ports").flatMap(readPorts)
        let environment = fields["environment"].map(readEnvironment) ?? []
        let arguments = fields["arguments"].map(readArguments) ?? []
        guard let groups, let nodes, let devices, let ports else { return nil }
        return RoleProfile(
            role: role, groups: groups, nodes: nodes, devices: devices, ports: ports,
            environment: environment, arguments: arguments)
    }

    private func readDevices(_ reader: YAMLReader, groups: Int?) -> DeviceSelection? {
        guard case .list(let elements) = reader.node.content else {
            return reader.integer(in: 1...64).map { .count($0) }
        }
        guard let first = elements.first, case .list = first.content else {
            return readDeviceList(reader).map { .list($0) }
        }
        let lists = (reader.list(of: "device lists") ?? []).map(readDeviceList)
        guard groups == nil || lists.count == groups else {
            reader.report("expected \(groups ?? 0) device lists, one for each group")
            return nil
        }
        let complete = lists.compactMap { $0 }
        guard complete.count == lists.count else { return nil }
        if Set(complete.map(\.count)).count > 1 {
            reader.report("expected as many devices for every group")
        }
        return .perGroup(complete)
    }

    private func readDeviceList(_ reader: YAMLReader) -> [Int]? {
        guard let elements = reader.list(of: "device numbers") else { return nil }
        let devices = elements.compactMap { $0.integer(in: 0...63) }
        guard devices.count == elements.count else { return nil }
        if devices.isEmpty || Set(devices).count != devices.count {
            reader.report("expected device numbers, each once")
            return nil
        }
        return devices
    }

    private func readPorts(_ reader: YAMLReader) -> RolePorts? {
        guard let fields = reader.fields(["http", "dist_init", "bootstrap", "step", "turns"]),
            let http = fields.required("http")?.port()
        else { return nil }
        return RolePorts(
            http: Int(http), distInit: fields["dist_init"]?.port().map(Int.init),
            bootstrap: fields["bootstrap"]?.port().map(Int.init),
            step: fields["step"]?.integer(in: 0...10000) ?? 0,
            turns: fields["turns"]?.integer(in: 1...64) ?? 1)
    }

    private func readStore(_ reader: YAMLReader) -> StoreProfile? {
        guard let fields = reader.fields(["port", "process", "command"]),
            let port = fields.required("port")?.port()
        else { return nil }
        let names = StoreProfile.Process.allCases.map(\.rawValue)
        let process = fields["process"].map { $0.choice(of: names) } ?? names[0]
        guard let process = process.flatMap(StoreProfile.Process.init(rawValue:)) else {
            return nil
        }
        return StoreProfile(
            port: Int(port), process: process,
            command: fields["command"].flatMap(readCommand) ?? StoreProfile.standardCommand)
    }

    private func readRouter(_ reader: YAMLReader) -> RouterProfile? {
        guard
            let fields = reader.fields(["command", "host", "port", "metrics_port", "arguments"]),
            let command = fields.required("command").flatMap(readCommand),
            let host = fields.required("host")?.string(),
            let port = fields.required("port")?.port()
        else { return nil }
        return RouterProfile(
            command: command, host: host, port: Int(port),
            metricsPort: Int(fields["metrics_port"]?.port() ?? 29000),
            arguments: fields["arguments"].map(readArguments) ?? [])
    }

    private func readBenchmark(_ reader: YAMLReader) -> BenchmarkProfile? {
        guard let fields = reader.fields(["command", "arguments"]),
            let command = fields.required("command").flatMap(readCommand)
        else { return nil }
        return BenchmarkProfile(
            command: command, arguments: fields["arguments"].map(readArguments) ?? [])
    }

    private func readDeviations(_ reader: YAMLReader) -> [Deviation] {
        (reader.entries(of: "deviations by their place") ?? []).compactMap { place, value in
            checkPlace(place, value)
            guard let fields = value.fields(["published", "ours", "why"]),
                let published = fields.required("published")?.string(),
                let ours = fields.required("ours")?.string(),
                let why = fields.required("why")?.string()
            else { return nil }
            return Deviation(place: place, published: published, ours: ours, why: why)
        }
    }

    private func checkPlace(_ place: String, _ reader: YAMLReader) {
        let words = place.split(separator: " ")
        let parts = Self.roles + ["router", "benchmark"]
        if words.count == 3, parts.contains(String(words[0])),
            ["environment", "argument"].contains(words[1])
        {
            return
        }
        reader.report("expected a place such as \"prefill argument --host\"")
    }
}

// MARK: - Names and values

extension ProfileReader {
    private func readPaths(_ reader: YAMLReader) -> [NamedValue] {
        let paths = readValues(reader, of: "directories")
        let taken = Placeholder.allCases.map(\.rawValue)
        for path in paths where Template("{\(path.name)}").placeholders.isEmpty {
            reader.report("expected lower-case names, found \"\(path.name)\"")
        }
        for path in paths where taken.contains(path.name) {
            reader.report("\"\(path.name)\" is a placeholder already")
        }
        return paths
    }

    private func readEnvironment(_ reader: YAMLReader) -> [NamedValue] {
        let variables = readValues(reader, of: "environment variables")
        for variable in variables where !Self.isEnvironmentName(variable.name) {
            reader.report("expected an environment name, found \"\(variable.name)\"")
        }
        return variables
    }

    private func readUnset(_ reader: YAMLReader) -> [String] {
        let names = reader.strings(of: "environment names") ?? []
        for name in names where !Self.isEnvironmentName(name) {
            reader.report("expected an environment name, found \"\(name)\"")
        }
        return names
    }

    private static func isEnvironmentName(_ name: String) -> Bool {
        guard let first = name.first, !first.isNumber else { return false }
        return name.allSatisfy { character in
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
        }
    }

    private func readValues(_ reader: YAMLReader, of what: String) -> [NamedValue] {
        (reader.entries(of: what) ?? []).compactMap { name, value in
            readWord(value).map { NamedValue(name, $0) }
        }
    }

    private func readArguments(_ reader: YAMLReader) -> [Argument] {
        (reader.entries(of: "arguments by their flag") ?? []).compactMap { flag, value in
            if !flag.hasPrefix("-") || flag.contains(" ") || flag.contains("=") {
                value.report("expected a flag such as --tp-size, found \"\(flag)\"")
                return nil
            }
            if let stands = value.node.boolean {
                if stands { return Argument(flag, []) }
                value.report("expected a value, or true for a flag alone; null removes a flag")
                return nil
            }
            guard case .list = value.node.content else {
                return readWord(value).map { Argument(flag, [$0]) }
            }
            let words = (value.list(of: "words") ?? []).compactMap(readWord)
            if words.isEmpty { value.report("expected at least one word") }
            return Argument(flag, words)
        }
    }

    /// A text that can be an argument or an environment value.
    private func readWord(_ reader: YAMLReader) -> String? {
        guard let word = reader.string() else { return nil }
        if word.utf8.contains(0) {
            reader.report("expected a text without a NUL byte")
            return nil
        }
        return word
    }
}
