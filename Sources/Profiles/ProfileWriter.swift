// The complete profile as a tree, every field in its place, for `Profile.yaml`.

import Base
import YAML

extension Profile {
    var node: YAMLNode {
        let members: [(String, YAMLNode?)] = [
            ("profile", .word(name)),
            ("summary", summary.map(YAMLNode.word)),
            ("published", published.map(\.node)),
            ("model", .word(model)),
            ("hardware", .word(hardware)),
            ("cards", .number(cards)),
            ("devices_per_card", .number(devicesPerCard)),
            ("quantization", quantization.map(YAMLNode.word)),
            ("sglang", sglang.map { .word($0.description) }),
            ("command", .words(command)),
            ("paths", .values(paths)),
            ("host", host),
            ("unset", unset.isEmpty ? nil : .words(unset)),
            ("source", source.isEmpty ? nil : .words(source)),
            ("environment", .values(environment)),
            ("arguments", .arguments(arguments)),
            ("roles", .fields(roles.map { ($0.role.rawValue, $0.node) })),
            ("store", store.map(\.node)),
            ("router", router.map(\.node)),
            ("benchmark", benchmark.map(\.node)),
            ("deviations", .optionalFields(deviations.map { ($0.place, $0.node) })),
            ("notes", .values(notes)),
        ]
        return .fields(members)
    }

    private var host: YAMLNode? {
        if governor == nil, sysctl.isEmpty { return nil }
        return .fields([("governor", governor.map(YAMLNode.word)), ("sysctl", .values(sysctl))])
    }
}

extension StoreProfile {
    /// What is as published is left out.
    fileprivate var node: YAMLNode {
        let isStandalone = process == .standalone
        return .fields([
            ("port", .number(port)), ("process", isStandalone ? .word(process.rawValue) : nil),
            ("command", isStandalone && command != Self.standardCommand ? .words(command) : nil),
        ])
    }
}

extension Publication {
    fileprivate var node: YAMLNode {
        .fields([
            ("heading", .word(heading)), ("category", .word(category)),
            ("deploy_mode", .word(deployMode)), ("dataset", .word(dataset)),
            ("tpot", .word(tpot)), ("configuration", .word(configuration)),
        ])
    }
}

extension RoleProfile {
    fileprivate var node: YAMLNode {
        .fields([
            ("groups", .number(groups)), ("nodes", .number(nodes)), ("devices", devices.node),
            ("ports", ports.node), ("environment", .values(environment)),
            ("arguments", .arguments(arguments)),
        ])
    }
}

extension DeviceSelection {
    fileprivate var node: YAMLNode {
        switch self {
        case .count(let count): .number(count)
        case .list(let devices): .list(devices.map(YAMLNode.number))
        case .perGroup(let lists): .list(lists.map { .list($0.map(YAMLNode.number)) })
        }
    }
}

extension RolePorts {
    fileprivate var node: YAMLNode {
        .fields([
            ("http", .number(http)), ("dist_init", distInit.map(YAMLNode.number)),
            ("bootstrap", bootstrap.map(YAMLNode.number)),
            ("step", step == 0 ? nil : .number(step)),
            ("turns", turns == 1 ? nil : .number(turns)),
        ])
    }
}

extension RouterProfile {
    fileprivate var node: YAMLNode {
        .fields([
            ("command", .words(command)), ("host", .word(host)), ("port", .number(port)),
            ("metrics_port", .number(metricsPort)), ("arguments", .arguments(arguments)),
        ])
    }
}

extension BenchmarkProfile {
    fileprivate var node: YAMLNode {
        .fields([("command", .words(command)), ("arguments", .arguments(arguments))])
    }
}

extension Deviation {
    fileprivate var node: YAMLNode {
        .fields([
            ("published", .word(published)), ("ours", .word(ours)), ("why", .word(why)),
        ])
    }
}

extension YAMLNode {
    private static let nowhere = SourceLocation(file: "profile", line: 1, column: 1)

    fileprivate static func list(_ elements: [YAMLNode]) -> YAMLNode {
        YAMLNode(.list(elements), at: nowhere)
    }

    fileprivate static func number(_ value: Int) -> YAMLNode {
        YAMLNode(.scalar(Scalar(String(value), isPlain: true)), at: nowhere)
    }

    /// A text; plain where it is a whole number, since it reads back the same.
    fileprivate static func word(_ text: String) -> YAMLNode {
        let isNumber = Int(text).map { String($0) == text } ?? false
        return YAMLNode(.scalar(Scalar(text, isPlain: isNumber)), at: nowhere)
    }

    fileprivate static func words(_ texts: [String]) -> YAMLNode {
        .list(texts.map(word))
    }

    /// A map without its absent members.
    fileprivate static func fields(_ members: [(String, YAMLNode?)]) -> YAMLNode {
        let present = members.compactMap { name, value in
            value.map { YAMLMember(name, at: nowhere, $0) }
        }
        return YAMLNode(.map(present), at: nowhere)
    }

    /// A map; nil where it would be empty.
    fileprivate static func optionalFields(_ members: [(String, YAMLNode?)]) -> YAMLNode? {
        members.isEmpty ? nil : fields(members)
    }

    fileprivate static func values(_ values: [NamedValue]) -> YAMLNode? {
        optionalFields(values.map { ($0.name, word($0.value)) })
    }

    fileprivate static func arguments(_ arguments: [Argument]) -> YAMLNode? {
        optionalFields(
            arguments.map { argument in
                let value: YAMLNode =
                    switch argument.values.count {
                    case 0: YAMLNode(.scalar(Scalar("true", isPlain: true)), at: nowhere)
                    case 1: word(argument.values[0])
                    default: words(argument.values)
                    }
                return (argument.flag, value)
            })
    }
}
