// What each published script does on each of its nodes: the facts that the launch specs must meet.
// The files under Published/ hold, for one deployment each, the argv and environment that the
// published shell gives on every node of 10.0.0.1, 10.0.0.2 …, found by running it with stand-ins
// for its programs. Where the publication leaves a name open, the name stands as published.

import Base
import Glibc
import Planning
import Profiles
import Testing

struct PublishedFixture {
    struct Shard {
        let address: String
        let argv: [String]
        let environment: [String: String]
        let unset: [String]
        let source: [String]
        let governor: String?
        let sysctl: [String]
    }

    let heading: String
    let model: String
    let interface: String
    let shards: [Shard]
    let router: [String]?
    let benchmark: [String]

    init(_ name: String) throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let text = try #require(readFile("/\(folder)/Published/\(name).json"), "\(name)")
        let json = try JSONValue(parsing: text)
        heading = try #require(json["heading"]?.stringValue)
        model = try #require(json["model"]?.stringValue)
        interface = try #require(json["interface"]?.stringValue)
        router = json["router"]?.arrayValue?.compactMap(\.stringValue)
        benchmark = json["benchmark"].strings
        shards = (json["shards"]?.arrayValue ?? []).map { shard in
            Shard(
                address: shard["node"]?.stringValue ?? "", argv: shard["argv"].strings,
                environment: Dictionary(
                    (shard["environment"]?.objectValue ?? []).map {
                        ($0.name, $0.value.stringValue ?? "")
                    }, uniquingKeysWith: { first, _ in first }),
                unset: shard["unset"].strings, source: shard["source"].strings,
                governor: shard["governor"]?.stringValue, sysctl: shard["sysctl"].strings)
        }
    }

    /// The nodes of the fixture in the published order, all usable.
    var candidates: [Candidate] {
        shards.enumerated().map { index, shard in
            Candidate(node: NodeID("n\(index + 1)"), address: shard.address, isUsable: true)
        }
    }

    func plan(_ profile: Profile) throws -> Plan {
        try Planner.plan(
            profile: profile, candidates: candidates, previous: nil, epoch: Epoch(1)
        ).get()
    }
}

extension JSONValue? {
    fileprivate var strings: [String] { self?.arrayValue?.compactMap(\.stringValue) ?? [] }
}

/// The text of a file; nil where it cannot be read.
func readFile(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
    }
}

func writeFile(_ path: String, _ text: String) throws {
    let file = try #require(fopen(path, "w"), "cannot write \(path)")
    defer { fclose(file) }
    let bytes = Array(text.utf8)
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}
