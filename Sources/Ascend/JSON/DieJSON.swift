// The JSON form of dies and what belongs to them.

public import Base

extension DieID: JSONCoded {
    public var json: JSONValue { value.json }
    public init(json: JSONValue) throws(JSONMismatch) { self.init(try Int(json: json)) }
}

extension DieHealth: JSONCoded {
    public var json: JSONValue { .string(description) }
    public init(json: JSONValue) throws(JSONMismatch) { self.init(word: try String(json: json)) }
}

extension LinkState: JSONCoded {
    public var json: JSONValue { .string(description) }
    public init(json: JSONValue) throws(JSONMismatch) { self.init(word: try String(json: json)) }
}

extension MemoryUse: JSONCoded {
    public var json: JSONValue {
        ["used_mb": usedMegabytes.json, "total_mb": totalMegabytes.json]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            usedMegabytes: try json.read("used_mb"), totalMegabytes: try json.read("total_mb"))
    }
}

extension DieProcess: JSONCoded {
    public var json: JSONValue {
        [
            "pid": processID.json, "name": name.json, "memory_mb": memoryMegabytes.json,
            "container_pid": containerProcessID.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            processID: try json.read("pid"), name: try json.read("name"),
            memoryMegabytes: try json.read("memory_mb"),
            containerProcessID: try json.read("container_pid"))
    }
}

extension FabricPlace: JSONCoded {
    /// The address is written for readers; it follows from the SDID.
    public var json: JSONValue {
        [
            "sdid": .integer(Int64(sdid.value)), "super_pod_size": superPodSize.json,
            "super_pod_id": superPodID.json, "server_index": serverIndex.json,
            "vnic_address": sdid.vnicAddress.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let sdid = UInt32(exactly: try json.read("sdid") as Int) else {
            throw JSONMismatch("an SDID of 32 bits", at: "sdid")
        }
        self.init(
            sdid: SDID(sdid), superPodSize: try json.read("super_pod_size"),
            superPodID: try json.read("super_pod_id"), serverIndex: try json.read("server_index"))
    }
}

extension VirtualNIC: JSONCoded {
    public var json: JSONValue {
        ["link": link.json, "address": address.json, "netmask": netmask.json]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            link: try json.read("link"), address: try json.read("address"),
            netmask: try json.read("netmask"))
    }
}

extension DieFabric: JSONCoded {
    public var json: JSONValue {
        [
            "vnic": vnic.json, "tls": isTLSEnabled.json, "roce_link": link.json,
            "roce_net_health": netHealth.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            vnic: try json.read("vnic"), isTLSEnabled: try json.read("tls"),
            link: try json.read("roce_link"), netHealth: try json.read("roce_net_health"))
    }
}

extension ECCCounts: JSONCoded {
    public var json: JSONValue {
        [
            "corrected": corrected.json, "uncorrected": uncorrected.json,
            "uncorrected_ever": uncorrectedEver.json, "isolated_pages": isolatedPages.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            corrected: try json.read("corrected"), uncorrected: try json.read("uncorrected"),
            uncorrectedEver: try json.read("uncorrected_ever"),
            isolatedPages: try json.read("isolated_pages"))
    }
}

extension Die: JSONCoded {
    public var json: JSONValue {
        [
            "id": id.json, "card": address.card.json, "chip": address.chip.json,
            "name": name.json, "bus": busID.json, "health": health.json,
            "error_codes": errorCodes.json, "error_information": errorInformation.json,
            "ecc": ecc.json, "temperature_c": temperatureCelsius.json,
            "core_use_percent": coreUsePercent.json,
            "memory": memory.json, "processes": processes.json, "place": place.json,
            "fabric": fabric.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            id: try json.read("id"),
            address: ChipAddress(card: try json.read("card"), chip: try json.read("chip")),
            name: try json.read("name"), busID: try json.read("bus"),
            health: try json.read("health"), errorCodes: try json.read("error_codes"),
            errorInformation: try json.read("error_information"),
            ecc: try json.read("ecc") ?? .unknown(Gap(.notAsked, "npu-smi info -t ecc", "")),
            temperatureCelsius: try json.read("temperature_c"),
            coreUsePercent: try json.read("core_use_percent"), memory: try json.read("memory"),
            processes: try json.read("processes"), place: try json.read("place"),
            fabric: try json.read("fabric"))
    }
}
