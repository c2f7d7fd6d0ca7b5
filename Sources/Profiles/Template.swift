// Values that only the plan knows stand in a profile as `{name}`. Braces around anything that is not
// a name (JSON values have such) stand for themselves.

/// A text with placeholders.
public struct Template: Hashable, Sendable {
    /// The text as it is written.
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    private enum Part {
        case literal(Substring)
        case placeholder(String)
    }

    /// The names in braces, in their order.
    public var placeholders: [String] {
        parts.compactMap { if case .placeholder(let name) = $0 { name } else { nil } }
    }

    /// The text with every placeholder replaced. A name without a value is a broken invariant:
    /// profiles are checked when they are read.
    public func expanded(_ values: [String: String]) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .placeholder(let name):
                guard let value = values[name] else {
                    fatalError("no value for {\(name)} in \"\(self.text)\"")
                }
                text += value
            }
        }
        return text
    }

    private var parts: [Part] {
        var parts: [Part] = []
        var rest = text[...]
        var literalStart = rest.startIndex
        while let open = rest.firstIndex(of: "{") {
            let name = rest[rest.index(after: open)...].prefix { Self.isNameCharacter($0) }
            rest = rest[name.endIndex...]
            guard rest.first == "}", let first = name.first, !first.isNumber else { continue }
            parts.append(.literal(text[literalStart..<open]))
            parts.append(.placeholder(String(name)))
            rest = rest.dropFirst()
            literalStart = rest.startIndex
        }
        parts.append(.literal(text[literalStart...]))
        return parts
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        ("a"..."z").contains(character) || ("0"..."9").contains(character) || character == "_"
    }
}

/// The placeholders, by where they may stand. Protocols/profile.md describes each.
public enum Placeholder: String, CaseIterable, Sendable {
    case model, address, interface, master, rank, nodes
    case groupIndex = "group_index"
    case devices
    case httpPort = "http_port"
    case distInit = "dist_init"
    case bootstrapPort = "bootstrap_port"
    case store
    case prefillURL = "prefill_url"
    case decodeURL = "decode_url"
    case routerHost = "router_host"
    case routerPort = "router_port"
    case serviceHost = "service_host"
    case servicePort = "service_port"

    /// In the environment and the arguments of engines.
    public static let engine: [Placeholder] = [
        .model, .address, .interface, .master, .rank, .nodes, .groupIndex, .devices, .httpPort,
        .distInit, .bootstrapPort, .store,
    ]
    /// In the arguments of the router.
    public static let router: [Placeholder] = [
        .model, .address, .routerHost, .routerPort, .prefillURL, .decodeURL, .bootstrapPort,
    ]
    /// In the arguments of the benchmark.
    public static let benchmark: [Placeholder] = [.model, .serviceHost, .servicePort]
}
