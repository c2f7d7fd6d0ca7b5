// The JSON form of what belongs to the host.

public import Base

extension PackageVersion: JSONCoded {
    public var json: JSONValue { ["name": name.json, "version": version.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(name: try json.read("name"), version: try json.read("version"))
    }
}

extension CANNInstallation: JSONCoded {
    public var json: JSONValue {
        [
            "version": version.json, "inner_version": innerVersion.json, "home": home.json,
            "environment_script": environmentScript.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            version: try json.read("version"), innerVersion: try json.read("inner_version"),
            home: try json.read("home"), environmentScript: try json.read("environment_script"))
    }
}

extension SoftwareVersions: JSONCoded {
    public var json: JSONValue {
        [
            "driver": driver.json, "firmware": firmware.json, "cann": cann.json,
            "hccl": hccl.json, "nnal": nnal.json, "python": python.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            driver: try json.read("driver"), firmware: try json.read("firmware"),
            cann: try json.read("cann"), hccl: try json.read("hccl"),
            nnal: try json.read("nnal"), python: try json.read("python"))
    }
}

extension DeviceHolder: JSONCoded {
    public var json: JSONValue {
        [
            "pid": processID.json, "name": name.json, "command": commandLine.json,
            "devices": devices.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            processID: try json.read("pid"), name: try json.read("name"),
            commandLine: try json.read("command"), devices: try json.read("devices"))
    }
}

extension HostInterface: JSONCoded {
    public var json: JSONValue {
        [
            "name": name.json, "addresses": addresses.json, "up": isUp.json,
            "loopback": isLoopback.json, "mtu": mtuBytes.json,
            "speed_megabits": speedMegabits.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            name: try json.read("name"), addresses: try json.read("addresses"),
            isUp: try json.read("up"), isLoopback: try json.read("loopback"),
            mtuBytes: try json.read("mtu"), speedMegabits: try json.read("speed_megabits"))
    }
}

extension FilterRule: JSONCoded {
    public var json: JSONValue { ["text": text.json, "for_all": isForAll.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(try json.read("text"), isForAll: try json.read("for_all"))
    }
}

extension Firewall: JSONCoded {
    public var json: JSONValue {
        [
            "running": running.json, "starting_at_boot": startingAtBoot.json,
            "rules": rules.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            running: try json.read("running"), startingAtBoot: try json.read("starting_at_boot"),
            rules: try json.read("rules") ?? .unknown(Gap(.notAsked, "packet filter", "")))
    }
}

extension ResourceLimit: JSONCoded {
    public var json: JSONValue { ["soft": soft.json, "hard": hard.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(soft: try json.read("soft"), hard: try json.read("hard"))
    }
}

extension PortRange: JSONCoded {
    public var json: JSONValue { ["first": Int(first).json, "last": Int(last).json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let first = UInt16(exactly: try json.read("first") as Int),
            let last = UInt16(exactly: try json.read("last") as Int),
            let range = PortRange(first: first, last: last)
        else { throw JSONMismatch("two ports in order") }
        self = range
    }
}

extension KernelParameter: JSONCoded {
    public var json: JSONValue { ["name": name.json, "value": value.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(name: try json.read("name"), value: try json.read("value"))
    }
}

extension KernelState: JSONCoded {
    public var json: JSONValue {
        [
            "release": release.json, "parameters": parameters.json,
            "reserved_ports": reservedPorts.json, "ephemeral_ports": ephemeralPorts.json,
            "governors": governors.json, "transparent_huge_pages": transparentHugePages.json,
            "virtualization": virtualization.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            release: try json.read("release"), parameters: try json.read("parameters"),
            reservedPorts: try json.read("reserved_ports"),
            ephemeralPorts: try json.read("ephemeral_ports"),
            governors: try json.read("governors"),
            transparentHugePages: try json.read("transparent_huge_pages"),
            virtualization: try json.read("virtualization"))
    }
}

extension WeightsDigest.File: JSONCoded {
    public var json: JSONValue { ["name": name.json, "bytes": bytes.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(name: try json.read("name"), bytes: try json.read("bytes"))
    }
}

extension WeightsDigest: JSONCoded {
    public var json: JSONValue {
        [
            "path": path.json, "files": files.json, "config_sha256": configurationHash.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            path: try json.read("path"), files: try json.read("files"),
            configurationHash: try json.read("config_sha256"))
    }
}

extension Variable: JSONCoded {
    public var json: JSONValue { ["name": .string(name), "value": .string(value)] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(try json.read("name"), try json.read("value"))
    }
}

extension EnvironmentSnapshot: JSONCoded {
    /// The hash is for readers: it follows from the variables.
    public var json: JSONValue {
        ["scripts": scripts.json, "sha256": .string(hash), "variables": variables.json]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(scripts: try json.read("scripts"), variables: try json.read("variables"))
    }
}

/// The least that was in use on a die while nobody held it.
private struct IdleDie: JSONCoded {
    let die: Int
    let megabytes: Int

    var json: JSONValue { ["die": die.json, "used_mb": megabytes.json] }

    init(_ die: Int, _ megabytes: Int) {
        self.die = die
        self.megabytes = megabytes
    }

    init(json: JSONValue) throws(JSONMismatch) {
        die = try json.read("die")
        megabytes = try json.read("used_mb")
    }
}

extension IdleMemory: JSONCoded {
    public var json: JSONValue {
        leastMegabytes.sorted { $0.key < $1.key }.map { IdleDie($0.key.value, $0.value) }.json
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        let dies = try [IdleDie](json: json)
        self.init(
            leastMegabytes: Dictionary(
                dies.map { (DieID($0.die), $0.megabytes) }, uniquingKeysWith: { min($0, $1) }))
    }
}
