// The form of launch.json. A reader refuses a version that it does not know: a shim is started by
// the agent that wrote the file, and an older agent that comes back later must not guess.

import Base
import Planning
import Profiles

extension ShardLaunch {
    private static let version: Int64 = 1

    var json: JSONValue {
        [
            "version": .integer(Self.version),
            "shard": shard.json,
            "engine": engine.json,
            "base": base.map { .variables($0) } ?? .null,
            "stateDirectory": .string(stateDirectory),
            "launcher": .strings(launcher),
            "graceMilliseconds": .integer(grace.millisecondsRoundedUp),
            "log": [
                "fileBytes": .integer(Int64(logLimits.fileBytes)),
                "files": .integer(Int64(logLimits.files)),
            ],
            "spec": spec.json,
        ]
    }

    init?(json: JSONValue) {
        guard json["version"]?.integerValue == Self.version,
            let shard = json["shard"].flatMap(ShardID.init(json:)),
            let engine = json["engine"].flatMap(EngineKind.init(json:)),
            let state = json["stateDirectory"]?.stringValue,
            let launcher = json["launcher"]?.strings, !launcher.isEmpty,
            let grace = json["graceMilliseconds"]?.integerValue,
            let fileBytes = json["log"]?["fileBytes"]?.integerValue, fileBytes > 0,
            let files = json["log"]?["files"]?.integerValue, files > 0,
            let spec = json["spec"].flatMap(LaunchSpec.init(json:))
        else { return nil }
        self.init(
            shard: shard, spec: spec, engine: engine, base: json["base"]?.variables,
            stateDirectory: state, launcher: launcher, grace: .milliseconds(grace),
            logLimits: LogLimits(fileBytes: Int(fileBytes), files: Int(files)))
    }
}

extension ShardID {
    var json: JSONValue {
        [
            "group": .string(group.name), "generation": .integer(Int64(generation.value)),
            "rank": .integer(Int64(rank.value)),
        ]
    }

    init?(json: JSONValue) {
        guard let group = json["group"]?.stringValue,
            let generation = json["generation"]?.integerValue.flatMap(UInt64.init(exactly:)),
            let rank = json["rank"]?.integerValue
        else { return nil }
        self.init(
            group: GroupName(group), generation: Generation(generation), rank: NodeRank(Int(rank)))
    }
}

extension LaunchSpec {
    var json: JSONValue {
        [
            "node": .string(node.name), "group": .string(group.name),
            "role": .string(role.rawValue), "rank": .integer(Int64(rank.value)),
            "unset": .strings(unset), "source": .strings(source),
            "environment": .variables(environment), "argv": .strings(argv),
            "host": ["sysctl": .variables(host.sysctl), "governor": JSONValue(host.governor)],
            "schedulers": schedulers?.json ?? .null,
        ]
    }

    init?(json: JSONValue) {
        guard let node = json["node"]?.stringValue, let group = json["group"]?.stringValue,
            let role = json["role"]?.stringValue.flatMap(Role.init(rawValue:)),
            let rank = json["rank"]?.integerValue,
            let unset = json["unset"]?.strings, let source = json["source"]?.strings,
            let environment = json["environment"]?.variables, let argv = json["argv"]?.strings,
            let sysctl = json["host"]?["sysctl"]?.variables
        else { return nil }
        self.init(
            node: NodeID(node), group: GroupName(group), role: role, rank: NodeRank(Int(rank)),
            environment: environment, unset: unset, source: source, argv: argv,
            host: HostTuning(sysctl: sysctl, governor: json["host"]?["governor"]?.stringValue),
            schedulers: json["schedulers"].flatMap(SchedulerLayout.init(json:)))
    }
}

extension SchedulerLayout {
    var json: JSONValue {
        [
            "dies": .array(dies.map { .integer(Int64($0)) }),
            "tensorPerNode": tensorPerNode.map { .integer(Int64($0)) } ?? .null,
        ]
    }

    /// nil also where an older agent wrote the launch, and did not watch schedulers.
    init?(json: JSONValue) {
        guard let dies = json["dies"]?.arrayValue?.compactMap(\.integerValue) else { return nil }
        self.init(
            dies: dies.map { Int($0) },
            tensorPerNode: json["tensorPerNode"]?.integerValue.map { Int($0) })
    }
}

extension JSONValue {
    static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }

    /// nil when this is no array of strings.
    var strings: [String]? {
        guard let arrayValue else { return nil }
        let strings = arrayValue.compactMap(\.stringValue)
        return strings.count == arrayValue.count ? strings : nil
    }

    /// An object in their order; a name may stand in it twice.
    static func variables(_ values: [EnvironmentVariable]) -> JSONValue {
        .object(values.map { Member($0.name, .string($0.value)) })
    }

    var variables: [EnvironmentVariable]? {
        guard let objectValue else { return nil }
        let variables = objectValue.compactMap { member in
            member.value.stringValue.map { EnvironmentVariable(member.name, $0) }
        }
        return variables.count == objectValue.count ? variables : nil
    }
}
