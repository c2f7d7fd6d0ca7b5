// The JSON form of the whole. Its members and their order are specified in Protocols/inventory.md.

public import Base

extension PCIFunctions: JSONCoded {
    public var json: JSONValue { ["device": device.json, "count": count.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(device: try json.read("device"), count: try json.read("count"))
    }
}

extension RoCEAddress: JSONCoded {
    public var json: JSONValue { ["die": die.json, "address": address.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(die: try json.read("die"), address: try json.read("address"))
    }
}

extension NodeInventory: JSONCoded {
    public var json: JSONValue {
        [
            "host": hostName.json, "npu_smi": toolVersion.json, "dies": dies.json,
            "unread_processes": unreadProcesses.json, "cards": cardCount.json,
            "pci_functions": pciFunctions.json,
            "device_files": deviceFiles.json, "holders": holders.json,
            "roce_addresses": roceAddresses.json, "software": software.json,
            "interfaces": interfaces.json, "own_addresses_in_hosts": ownAddressesInHosts.json,
            "firewall": firewall.json, "shared_memory_bytes": sharedMemoryBytes.json,
            "open_files": openFiles.json, "locked_memory": lockedMemory.json,
            "kernel": kernel.json, "weights": weights.json, "environment": environment.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            hostName: try json.read("host"), toolVersion: try json.read("npu_smi"),
            dies: try json.read("dies"),
            unreadProcesses: try json.read("unread_processes") ?? [],
            cardCount: try json.read("cards"),
            pciFunctions: try json.read("pci_functions"),
            deviceFiles: try json.read("device_files"), holders: try json.read("holders"),
            roceAddresses: try json.read("roce_addresses"), software: try json.read("software"),
            interfaces: try json.read("interfaces"),
            ownAddressesInHosts: try json.read("own_addresses_in_hosts"),
            firewall: try json.read("firewall"),
            sharedMemoryBytes: try json.read("shared_memory_bytes"),
            openFiles: try json.read("open_files"), lockedMemory: try json.read("locked_memory"),
            kernel: try json.read("kernel"), weights: try json.read("weights"),
            environment: try json.read("environment"))
    }
}

extension InventoryDigest: JSONCoded {
    public var json: JSONValue {
        [
            "super_pod_id": superPodID.json, "server_index": serverIndex.json,
            "dies": dieCount.json, "unhealthy_dies": unhealthyDies.json,
            "held_dies": heldDies.json, "software": software.json, "kernel": kernel.json,
            "weights": weights.json, "environment": environment.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            superPodID: try json.read("super_pod_id"),
            serverIndex: try json.read("server_index"), dieCount: try json.read("dies"),
            unhealthyDies: try json.read("unhealthy_dies"),
            heldDies: try json.read("held_dies"), software: try json.read("software"),
            kernel: try json.read("kernel"), weights: try json.read("weights"),
            environment: try json.read("environment"))
    }
}
