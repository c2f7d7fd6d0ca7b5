// A healthy pair of nodes, and a way to make one thing ill: a path into the JSON form of an examination.

import Ascend
import Base

@testable import Doctor

enum Healthy {
    static func node(_ number: Int) throws -> NodeExamination {
        NodeExamination(
            inventory: try inventory(number), address: "10.20.0.\(number)", interface: "eth0",
            environment: [Variable("PATH", "/usr/bin"), Variable("HCCL_BUFFSIZE", "400")],
            shards: [
                PlannedShard(
                    name: "prefill-0/\(number - 1)", role: .prefill,
                    environment: [
                        Variable("ASCEND_MF_STORE_URL", "tcp://10.20.0.1:26670"),
                        Variable("HCCL_SOCKET_IFNAME", "eth0"),
                    ], unset: ["https_proxy"],
                    endpoints: [Endpoint(host: "10.20.0.\(number)", port: 8000)],
                    reservedPorts: [PortRange(first: 60000, last: 60031)].compactMap { $0 })
            ],
            ports: [PlannedPort(Endpoint(host: "10.20.0.\(number)", port: 8000), .free)],
            ownProcesses: [], engine: .sglang)
    }

    private static func dies(_ number: Int) -> JSONValue {
        let dies = (0..<16).map { die -> JSONValue in
            let sdid = SDID(serverIndex: number, chip: die / 2, die: die % 2)
            let vnic = sdid?.vnicAddress ?? ""
            return [
                "id": die.json, "card": (die / 2).json, "chip": (die % 2).json,
                "name": "Ascend910", "bus": "", "health": "OK", "error_codes": [],
                "error_information": [],
                "ecc": [
                    "corrected": 7, "uncorrected": 0, "uncorrected_ever": 0, "isolated_pages": 0,
                ],
                "temperature_c": 40, "core_use_percent": 0,
                "memory": ["used_mb": 3100, "total_mb": 65536], "processes": [],
                "place": [
                    "sdid": .integer(Int64(sdid?.value ?? 0)), "super_pod_size": 384,
                    "super_pod_id": 0, "server_index": number.json,
                ],
                "fabric": [
                    "vnic": ["link": "UP", "address": .string(vnic), "netmask": "255.0.0.0"],
                    "tls": false, "roce_link": "DOWN", "roce_net_health": "Init",
                ],
            ]
        }
        return .array(dies)
    }

    private static func inventory(_ number: Int) throws -> NodeInventory {
        try NodeInventory(json: [
            "host": .string("a3-\(number)"), "npu_smi": "25.5.2", "dies": dies(number),
            "unread_processes": [],
            "cards": 8, "pci_functions": [["device": "d803", "count": 16]],
            "device_files": .array((0..<16).map(\.json)), "holders": [], "roce_addresses": [],
            "software": [
                "driver": "25.5.2", "firmware": "7.8", "hccl": "8.5.1", "nnal": "8.5.1",
                "cann": [
                    [
                        "version": "8.5.1", "inner_version": nil, "home": "/usr/local/Ascend/cann",
                        "environment_script": nil,
                    ]
                ],
                "python": .array(
                    ["python", "torch", "torch_npu", "sglang", "memfabric-hybrid"].map {
                        ["name": .string($0), "version": "1.0"]
                    }),
            ],
            "interfaces": [
                [
                    "name": "eth0", "addresses": [.string("10.20.0.\(number)")], "up": true,
                    "loopback": false, "mtu": 1500, "speed_megabits": nil,
                ],
                [
                    "name": "docker0", "addresses": [], "up": true, "loopback": false,
                    "mtu": 1500, "speed_megabits": nil,
                ],
            ],
            "own_addresses_in_hosts": [.string("10.20.0.\(number)")],
            "firewall": ["running": [], "starting_at_boot": [], "rules": []],
            "shared_memory_bytes": .integer(256 << 30),
            "open_files": ["soft": 1_048_576, "hard": 1_048_576],
            "locked_memory": ["soft": nil, "hard": nil],
            "kernel": [
                "release": "5.10.0-216", "reserved_ports": .array([ports(60000, 60031)]),
                "ephemeral_ports": ports(32768, 60999), "governors": ["performance"],
                "transparent_huge_pages": "madvise", "virtualization": "none",
                "parameters": [
                    ["name": "kernel.numa_balancing", "value": "0"],
                    ["name": "vm.swappiness", "value": "0"],
                ],
            ],
            "weights": [
                "path": "/data/glm-5.1", "files": [["name": "config.json", "bytes": 100]],
                "config_sha256": "abc",
            ],
            "environment": environment,
        ])
    }

    private static let environment: JSONValue = [
        "scripts": ["/usr/local/Ascend/cann/set_env.sh"],
        "variables": [
            [
                "name": "LD_LIBRARY_PATH",
                "value": "/usr/local/Ascend/cann/lib64:/usr/local/Ascend/driver/lib64",
            ], ["name": "ASCEND_HOME_PATH", "value": "/usr/local/Ascend/cann"],
        ],
    ]

    private static func ports(_ first: UInt16, _ last: UInt16) -> JSONValue {
        PortRange(first: first, last: last)?.json ?? .null
    }

    /// Three nodes, of which the third has that value at that path.
    static func cluster(
        _ path: String? = nil, _ value: JSONValue = .null, clockAhead: Duration = .zero
    ) throws -> ClusterExamination {
        let nodes = try (1...3).map { number -> ExaminedNode in
            var json = try node(number).json
            if number == 3, let path {
                json = json.setting(path.split(separator: ".")[...], to: value)
            }
            return ExaminedNode(
                NodeID("node-\(number)"), .told(try NodeExamination(json: json)),
                clockAhead: number == 3 ? clockAhead : .zero)
        }
        return ClusterExamination(
            nodes: nodes, dials: [dial()], pings: [ping(.known(true), "3 of 3 came back")])
    }

    static func dial(_ failure: String? = nil) -> Dial {
        Dial(
            from: NodeID("node-1"), to: NodeID("node-2"),
            endpoint: Endpoint(host: "10.20.0.2", port: 8000), failure: failure)
    }

    static func ping(_ isSound: Fact<Bool>, _ text: String) -> FabricProbe {
        FabricProbe(
            from: NodeID("node-1"), die: DieID(4), to: NodeID("node-2"), address: "192.2.2.195",
            isSound: isSound, text: text)
    }
}

extension JSONValue {
    /// What is at that path.
    subscript(path path: ArraySlice<Substring>) -> JSONValue {
        path.reduce(self) { $0[String($1)] ?? .null }
    }

    /// This document with that value at that path; a number is an index.
    func setting(_ path: ArraySlice<Substring>, to value: JSONValue) -> JSONValue {
        guard let first = path.first else { return value }
        if let index = Int(first), case .array(var elements) = self {
            elements[index] = elements[index].setting(path.dropFirst(), to: value)
            return .array(elements)
        }
        return .object(
            (objectValue ?? []).map { member in
                member.name == first
                    ? Member(member.name, member.value.setting(path.dropFirst(), to: value))
                    : member
            })
    }
}
