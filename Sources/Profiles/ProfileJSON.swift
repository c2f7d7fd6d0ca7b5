// A profile as JSON, for scripts: the members of its YAML form, under the same names.

public import Base
import YAML

extension Profile {
    /// The complete profile. Counts, devices and ports are numbers, a flag that stands alone is
    /// true, and everything else is text, as engines are given it.
    public var json: JSONValue { Self.json(of: node, field: "") }

    private static let numbers: Set<String> = [
        "cards", "devices_per_card", "groups", "nodes", "devices", "http", "dist_init", "bootstrap",
        "step", "port", "metrics_port",
    ]

    private static func json(of node: YAMLNode, field: String) -> JSONValue {
        switch node.content {
        case .map(let members):
            .object(members.map { JSONValue.Member($0.name, json(of: $0.value, field: $0.name)) })
        case .list(let elements): .array(elements.map { json(of: $0, field: field) })
        case .scalar(let scalar):
            if let flag = node.boolean {
                .bool(flag)
            } else if numbers.contains(field), let number = Int64(scalar.text) {
                .integer(number)
            } else {
                .string(scalar.text)
            }
        }
    }
}
