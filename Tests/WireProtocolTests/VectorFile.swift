// The published bytes, in Protocols/vectors/wire. After adding samples, write them with
//
//     UPDATE_GOLDEN=1 swift test --filter WireProtocolTests
//
// and look at the difference: bytes that were there before must not have changed.

import Base
import CBOR
import Glibc

/// One file of vectors: a JSON array of `{name, rule, diagnostic, hex}`.
struct VectorFile {
    struct Vector: Hashable {
        let name: String
        let rule: String
        let diagnostic: String
        let hex: String
    }

    let path: String

    init(_ name: String) {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        path = "\(root)/Protocols/vectors/wire/\(name).json"
    }

    static var isWriting: Bool { getenv("UPDATE_GOLDEN") != nil }

    func vectors() throws -> [Vector] {
        try (JSONValue(parsing: bytes()).arrayValue ?? []).map { item in
            Vector(
                name: item["name"]?.stringValue ?? "", rule: item["rule"]?.stringValue ?? "",
                diagnostic: item["diagnostic"]?.stringValue ?? "",
                hex: item["hex"]?.stringValue ?? "")
        }
    }

    func write(_ vectors: [Vector]) {
        let items = vectors.map { vector -> JSONValue in
            [
                "name": .string(vector.name), "rule": .string(vector.rule),
                "diagnostic": .string(vector.diagnostic), "hex": .string(vector.hex),
            ]
        }
        guard let file = fopen(path, "w") else { return }
        fputs(JSONValue.array(items).pretty, file)
        fclose(file)
    }

    private func bytes() -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

extension Sample {
    func vector() throws -> VectorFile.Vector {
        VectorFile.Vector(
            name: name, rule: rule, diagnostic: try CBORValue(decoding: bytes).description,
            hex: hexadecimal(bytes))
    }
}
