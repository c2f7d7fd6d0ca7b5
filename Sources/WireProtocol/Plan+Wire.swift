// Plans and deployments, as the log and snapshots hold them.

import Base
public import CBOR
public import Planning

extension Deployment: WireCodable {
    public var cbor: CBORValue {
        .array([.text(profileName), .text(profileYAML), .text(modelPath), engine.cbor])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "deployment")
        self.init(
            profileName: try record.text(), profileYAML: try record.text(),
            modelPath: try record.text(), engine: try record.value(as: EngineKind.self))
    }

    /// Tells deployments apart (FNV-1a over the encoding); no protection against malice.
    public var digest: UInt64 {
        cbor.encoded.fnv1a
    }
}

extension EngineKind: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .sglang: .choice(1)
        case .rehearsal: .choice(2)
        case .command(let words): .choice(3, .list(words))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "engine")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .sglang
        case 2: self = .rehearsal
        case 3: self = .command(try record.texts())
        default: throw record.unknownChoice(choice, of: "engine")
        }
    }
}

extension Plan: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(epoch.value), .list(groups), .list(spares.map(\.name))])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "plan")
        self.init(
            epoch: Epoch(try record.counter()),
            groups: try record.list(of: PlannedGroup.self),
            spares: try record.texts().map { NodeID($0) })
    }
}

extension PlannedGroup: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(name.name), .text(role.rawValue), .unsigned(UInt64(index)), .list(ranks),
            CBORValue(distInit), http.cbor, CBORValue(bootstrap), CBORValue(store), .list(workers),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "planned group")
        self.init(
            name: try record.group(), role: try record.word(as: Role.self),
            index: try record.unsigned(as: Int.self),
            ranks: try record.list(of: PlannedRank.self),
            distInit: try record.optional(as: Endpoint.self),
            http: try record.value(as: Endpoint.self),
            bootstrap: try record.optional(as: Endpoint.self),
            store: try record.optional(as: Endpoint.self),
            workers: try record.list(of: PlannedWorker.self))
    }
}

extension PlannedRank: WireCodable {
    public var cbor: CBORValue { .array([CBORValue(node), .text(address)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "planned rank")
        self.init(node: try record.node(), address: try record.text())
    }
}

extension PlannedWorker: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(group.name), .text(role.rawValue), http.cbor,
            bootstrapPort.map { .unsigned(UInt64($0)) } ?? .null,
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "planned worker")
        let group = try record.group()
        let role = try record.word(as: Role.self)
        let http = try record.value(as: Endpoint.self)
        var port: UInt16?
        if let item = try record.optional() {
            var single = try CBORRecord(.array([item]), "bootstrap port")
            port = try single.unsigned(as: UInt16.self)
        }
        self.init(group: group, role: role, http: http, bootstrapPort: port)
    }
}
