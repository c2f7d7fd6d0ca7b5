// A YAML document as a tree in which every node knows where it was written. Scalars stay text:
// whether `8000` is a port, a version or a name is for the field that it stands in to say.

/// A node of a YAML document.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case scalar(Scalar)
        case list([YAMLNode])
        /// In the order of the text; no name occurs twice.
        case map([YAMLMember])
    }

    /// A scalar's text. Only a plain one (without quotes) can be a null or a boolean.
    public struct Scalar: Hashable, Sendable {
        public let text: String
        public let isPlain: Bool

        public init(_ text: String, isPlain: Bool) {
            self.text = text
            self.isPlain = isPlain
        }
    }

    public let content: Content
    public let location: SourceLocation

    public init(_ content: Content, at location: SourceLocation) {
        self.content = content
        self.location = location
    }
}

/// One member of a map.
public struct YAMLMember: Hashable, Sendable {
    public let name: String
    /// Where the name stands.
    public let location: SourceLocation
    public let value: YAMLNode

    public init(_ name: String, at location: SourceLocation, _ value: YAMLNode) {
        self.name = name
        self.location = location
        self.value = value
    }
}

extension YAMLNode {
    /// True for a plain `null`, `~` or nothing at all.
    public var isNull: Bool {
        guard case .scalar(let scalar) = content, scalar.isPlain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
    }

    /// The boolean of a plain `true` or `false`.
    public var boolean: Bool? {
        guard case .scalar(let scalar) = content, scalar.isPlain else { return nil }
        return scalar.text == "true" ? true : scalar.text == "false" ? false : nil
    }

    /// The members of a map; nil for anything else.
    public var members: [YAMLMember]? {
        if case .map(let members) = content { members } else { nil }
    }

    /// The value of that name; nil where this is no map or has none.
    public subscript(name: String) -> YAMLNode? {
        members?.first { $0.name == name }?.value
    }

    /// What this is, for messages: `"two"`, `the quoted text "2"`, `a list`, `a map`, `nothing`.
    public var kind: String {
        switch content {
        case _ where isNull: "nothing"
        case .scalar(let scalar):
            scalar.isPlain ? "\"\(scalar.text)\"" : "the quoted text \"\(scalar.text)\""
        case .list: "a list"
        case .map: "a map"
        }
    }
}
