// The inventory as JSON, there and back: `glm-agent inventory --json` prints it, and nodes send it to one
// another. A fact that is not known is an object with the member `unknown`, which no known value has.
// An optional value is null. Members that a reader does not know are left alone.

public import Base

/// A value with a JSON form.
public protocol JSONCoded {
    var json: JSONValue { get }
    init(json: JSONValue) throws(JSONMismatch)
}

/// A JSON document that is not of the form expected.
public struct JSONMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where: member names with dots between them.
    public let path: String
    public let expected: String

    public init(_ expected: String, at path: String = "") {
        self.path = path
        self.expected = expected
    }

    public var description: String {
        "expected \(expected)" + (path.isEmpty ? "" : " at \(path)")
    }
}

extension JSONValue {
    /// Reads a member; an absent one is null.
    public func read<Value: JSONCoded>(_ name: String) throws(JSONMismatch) -> Value {
        do throws(JSONMismatch) {
            return try Value(json: self[name] ?? .null)
        } catch {
            throw JSONMismatch(
                error.expected, at: error.path.isEmpty ? name : "\(name).\(error.path)")
        }
    }
}

extension String: JSONCoded {
    public var json: JSONValue { .string(self) }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let value = json.stringValue else { throw JSONMismatch("a string") }
        self = value
    }
}

extension Bool: JSONCoded {
    public var json: JSONValue { .bool(self) }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let value = json.boolValue else { throw JSONMismatch("true or false") }
        self = value
    }
}

extension Int: JSONCoded {
    public var json: JSONValue { .integer(Int64(self)) }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let value = json.integerValue.flatMap({ Int(exactly: $0) }) else {
            throw JSONMismatch("a whole number")
        }
        self = value
    }
}

extension Int32: JSONCoded {
    public var json: JSONValue { .integer(Int64(self)) }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let value = Int32(exactly: try Int(json: json)) else {
            throw JSONMismatch("a number of 32 bits")
        }
        self = value
    }
}

extension Optional: JSONCoded where Wrapped: JSONCoded {
    public var json: JSONValue { self?.json ?? .null }

    public init(json: JSONValue) throws(JSONMismatch) {
        self = json == .null ? nil : try Wrapped(json: json)
    }
}

extension Array: JSONCoded where Element: JSONCoded {
    public var json: JSONValue { .array(map(\.json)) }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let elements = json.arrayValue else { throw JSONMismatch("a list") }
        self = []
        for element in elements { append(try Element(json: element)) }
    }
}

extension Fact: JSONCoded where Value: JSONCoded {
    public var json: JSONValue {
        switch self {
        case .known(let value): value.json
        case .unknown(let gap): gap.json
        }
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self =
            json["unknown"] == nil ? .known(try Value(json: json)) : .unknown(try Gap(json: json))
    }
}

extension Gap: JSONCoded {
    public var json: JSONValue {
        [
            "unknown": .string(kind.rawValue), "subject": subject.json, "detail": detail.json,
            "complaint": (complaint?.rawValue).json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        let word: String = try json.read("unknown")
        guard let kind = Kind(rawValue: word) else {
            throw JSONMismatch("a kind of gap", at: "unknown")
        }
        let complaint: String? = try json.read("complaint")
        self.init(
            kind, try json.read("subject"), try json.read("detail"),
            complaint: complaint.map { ToolComplaint.Kind(rawValue: $0) ?? .other })
    }
}
