// How a value becomes CBOR and back. Records are arrays in the order of the CDDL; a choice is an
// array that begins with its number. Numbers are never reused.

public import Base
public import CBOR

/// A value with a place on the wire or in the log.
public protocol WireCodable {
    var cbor: CBORValue { get }
    /// - Throws: ``CBORError`` where the item is not such a value.
    init(cbor: CBORValue) throws(CBORError)
}

extension CBORValue {
    /// A choice: its number, then what belongs to it.
    static func choice(_ number: UInt64, _ elements: CBORValue...) -> CBORValue {
        .array([.unsigned(number)] + elements)
    }

    static func list(_ values: [some WireCodable]) -> CBORValue {
        .array(values.map { $0.cbor })
    }

    init(_ text: String?) {
        self = text.map { .text($0) } ?? .null
    }

    init(_ value: (some WireCodable)?) {
        self = value?.cbor ?? .null
    }

    init(_ node: NodeID) { self = .text(node.name) }
    init(_ time: WallTime) { self = CBORValue(time.millisecondsSinceEpoch) }
}

extension CBORRecord {
    mutating func node() throws(CBORError) -> NodeID { NodeID(try text()) }
    mutating func group() throws(CBORError) -> GroupName { GroupName(try text()) }
    mutating func generation() throws(CBORError) -> Generation { Generation(try counter()) }
    mutating func rank() throws(CBORError) -> NodeRank { NodeRank(try unsigned(as: Int.self)) }
    mutating func wallTime() throws(CBORError) -> WallTime {
        WallTime(millisecondsSinceEpoch: try signed())
    }

    mutating func optionalWallTime() throws(CBORError) -> WallTime? {
        guard let item = try optional() else { return nil }
        var single = try CBORRecord(.array([item]), "time")
        return try single.wallTime()
    }

    mutating func value<Value: WireCodable>(as type: Value.Type) throws(CBORError) -> Value {
        try Value(cbor: try next())
    }

    mutating func optional<Value: WireCodable>(as type: Value.Type) throws(CBORError) -> Value? {
        guard let item = try optional() else { return nil }
        return try Value(cbor: item)
    }

    mutating func list<Value: WireCodable>(of type: Value.Type) throws(CBORError) -> [Value] {
        var values: [Value] = []
        for item in try array() { values.append(try Value(cbor: item)) }
        return values
    }

    mutating func texts() throws(CBORError) -> [String] {
        try list(of: String.self)
    }

    /// One of a few words.
    mutating func word<Word: RawRepresentable<String>>(
        as type: Word.Type
    ) throws(CBORError) -> Word {
        let text = try text()
        guard let word = Word(rawValue: text) else {
            throw .unexpected(expected: "one of the words of \(type)", found: text)
        }
        return word
    }

    func unknownChoice(_ number: UInt64, of name: String) -> CBORError {
        .unexpected(expected: "a known choice of \(name)", found: String(number))
    }
}

extension String: WireCodable {
    public var cbor: CBORValue { .text(self) }

    public init(cbor: CBORValue) throws(CBORError) {
        guard case .text(let text) = cbor else {
            throw .unexpected(expected: "a text", found: "another item")
        }
        self = text
    }
}

extension Endpoint: WireCodable {
    public var cbor: CBORValue { .array([.text(host), .unsigned(UInt64(port))]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "endpoint")
        self.init(host: try record.text(), port: try record.unsigned(as: UInt16.self))
    }
}

extension ShardID: WireCodable {
    public var cbor: CBORValue {
        .array([.text(group.name), .unsigned(generation.value), .unsigned(UInt64(rank.value))])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "shard")
        self.init(
            group: try record.group(), generation: try record.generation(),
            rank: try record.rank())
    }
}
