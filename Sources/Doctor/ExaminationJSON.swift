// Examinations as JSON, there and back: the documents in which agents answer one another's doctor.

public import Ascend
public import Base

/// An endpoint within a document.
struct CodedEndpoint: JSONCoded {
    let endpoint: Endpoint

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    var json: JSONValue {
        ["host": .string(endpoint.host), "port": Int(endpoint.port).json]
    }

    init(json: JSONValue) throws(JSONMismatch) {
        guard let port = UInt16(exactly: try json.read("port") as Int) else {
            throw JSONMismatch("a port", at: "port")
        }
        endpoint = Endpoint(host: try json.read("host"), port: port)
    }
}

extension PlannedShard: JSONCoded {
    public var json: JSONValue {
        [
            "name": .string(name), "role": .string(role.rawValue),
            "environment": environment.json, "unset": unset.json,
            "endpoints": endpoints.map { CodedEndpoint($0) }.json,
            "reserved_ports": reservedPorts.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let role = Role(rawValue: try json.read("role")) else {
            throw JSONMismatch("a role", at: "role")
        }
        let endpoints: [CodedEndpoint] = try json.read("endpoints")
        self.init(
            name: try json.read("name"), role: role, environment: try json.read("environment"),
            unset: try json.read("unset"), endpoints: endpoints.map(\.endpoint),
            reservedPorts: try json.read("reserved_ports") ?? [])
    }
}

extension PlannedPort: JSONCoded {
    public var json: JSONValue {
        [
            "endpoint": CodedEndpoint(endpoint).json, "state": .string(state.rawValue),
            "reason": .string(reason), "searched": searched.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let state = State(rawValue: try json.read("state")) else {
            throw JSONMismatch("the state of a port", at: "state")
        }
        let endpoint: CodedEndpoint = try json.read("endpoint")
        self.init(
            endpoint.endpoint, state, reason: try json.read("reason"),
            of: try json.read("searched"))
    }
}

extension SearchedPorts: JSONCoded {
    public var json: JSONValue { ["range": range.json, "purpose": .string(purpose)] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(try json.read("range"), by: try json.read("purpose"))
    }
}

extension NodeExamination: JSONCoded {
    public var json: JSONValue {
        [
            "inventory": inventory.json, "address": JSONValue(address),
            "interface": JSONValue(interface), "environment": environment.json,
            "shards": shards.json, "ports": ports.json, "own_processes": ownProcesses.json,
            "abandoned": abandoned.json, "untuned": untuned.json, "idle_memory": idle.json,
            "engine": JSONValue(engine?.rawValue),
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            inventory: try json.read("inventory"), address: try json.read("address"),
            interface: try json.read("interface"), environment: try json.read("environment"),
            shards: try json.read("shards"), ports: try json.read("ports"),
            ownProcesses: try json.read("own_processes"),
            abandoned: (try json.read("abandoned") as [AbandonedShard]?) ?? [],
            untuned: try json.read("untuned"),
            idle: try json.read("idle_memory") ?? IdleMemory(),
            // An agent of another version may have engines that are not known here.
            engine: (try json.read("engine") as String?).flatMap(ExaminedEngine.init(rawValue:)))
    }
}

extension AbandonedShard: JSONCoded {
    public var json: JSONValue {
        [
            "shard": .string(shard), "processes": processes.json, "command": .string(command),
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            shard: try json.read("shard"), processes: try json.read("processes"),
            command: try json.read("command"))
    }
}

extension UntunedSetting: JSONCoded {
    public var json: JSONValue {
        ["wanted": .string(wanted), "found": .string(found), "settable": .bool(isSettable)]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            wanted: try json.read("wanted"), found: try json.read("found"),
            isSettable: try json.read("settable") ?? true)
    }
}

extension Dial: JSONCoded {
    public var json: JSONValue {
        [
            "from": .string(from.name), "to": .string(to.name),
            "endpoint": CodedEndpoint(endpoint).json, "failure": JSONValue(failure),
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        let endpoint: CodedEndpoint = try json.read("endpoint")
        self.init(
            from: NodeID(try json.read("from")), to: NodeID(try json.read("to")),
            endpoint: endpoint.endpoint, failure: try json.read("failure"))
    }
}

extension FabricProbe: JSONCoded {
    public var json: JSONValue {
        [
            "from": .string(from.name), "die": die.value.json, "to": .string(to.name),
            "address": .string(address), "sound": isSound.json, "text": .string(text),
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            from: NodeID(try json.read("from")), die: DieID(try json.read("die")),
            to: NodeID(try json.read("to")), address: try json.read("address"),
            isSound: try json.read("sound"), text: try json.read("text"))
    }
}
