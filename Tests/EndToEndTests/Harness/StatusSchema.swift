// A JSON Schema validator of as much as Protocols/status.schema.json uses, so that every status that a
// test reads is held against it. Patterns are checked by Protocols/check_status.py.

import Base
import EventLoop

struct StatusSchema {
    private let root: JSONValue

    /// The published schema.
    static func published() throws -> StatusSchema {
        let path = "\(repository)/Protocols/status.schema.json"
        return StatusSchema(root: try JSONValue(parsing: Files.read(path)))
    }

    /// Where the document differs from the schema.
    func violations(of document: JSONValue) -> [String] {
        violations(of: document, root, at: "$")
    }

    private func violations(
        of value: JSONValue, _ schema: JSONValue, at path: String
    ) -> [String] {
        if let reference = schema["$ref"]?.stringValue {
            let name = String(reference.split(separator: "/").last ?? "")
            guard let target = root["$defs"]?[name] else { return ["\(path): no \(reference)"] }
            return violations(of: value, target, at: path)
        }
        if let choices = schema["oneOf"]?.arrayValue {
            let fitting = choices.filter { violations(of: value, $0, at: path).isEmpty }
            return fitting.count == 1 ? [] : ["\(path): fits \(fitting.count) of \(choices.count)"]
        }
        if let allowed = schema["enum"]?.arrayValue, !allowed.contains(value) {
            return ["\(path): \(value.compact) is none of \(JSONValue.array(allowed).compact)"]
        }
        if let type = schema["type"] {
            let names = type.arrayValue?.compactMap(\.stringValue) ?? [type.stringValue ?? ""]
            guard names.contains(where: value.isOf(type:)) else {
                return ["\(path): \(value.compact) is no \(names.joined(separator: " or "))"]
            }
        }
        if let minimum = schema["minimum"]?.numberValue, let number = value.numberValue,
            number < minimum
        {
            return ["\(path): \(number) is below \(minimum)"]
        }
        return members(of: value, schema, at: path) + elements(of: value, schema, at: path)
    }

    private func members(
        of value: JSONValue, _ schema: JSONValue, at path: String
    ) -> [String] {
        guard let members = value.objectValue else { return [] }
        let names = Set(members.map(\.name))
        var found = (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
            .filter { !names.contains($0) }.map { "\(path): no \($0)" }
        for member in members {
            if let known = schema["properties"]?[member.name] {
                found += violations(of: member.value, known, at: "\(path).\(member.name)")
            } else if schema["additionalProperties"] == false {
                found.append("\(path): unknown member \(member.name)")
            }
        }
        return found
    }

    private func elements(
        of value: JSONValue, _ schema: JSONValue, at path: String
    ) -> [String] {
        guard let elements = value.arrayValue, let items = schema["items"] else { return [] }
        return elements.enumerated().flatMap { index, element in
            violations(of: element, items, at: "\(path)[\(index)]")
        }
    }
}

extension JSONValue {
    fileprivate func isOf(type: String) -> Bool {
        switch (type, self) {
        case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array),
            ("object", .object), ("integer", .integer), ("number", .integer), ("number", .number):
            true
        default: false
        }
    }
}

/// The root of the sources: three folders above this file's.
let repository: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(4).joined(separator: "/")
}()
