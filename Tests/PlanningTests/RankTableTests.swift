import Base
import Planning
import Testing

@Suite struct RankTableTests {
    private func server(
        _ number: Int, pod: String? = "0", dies: [Int] = [0, 1], addresses: Bool = true
    ) -> RankTable.Server {
        let devices = dies.map { die in
            RankTable.Device(
                id: die, address: addresses ? "192.168.\(number).\(die + 6)" : nil,
                superPodDevice: UInt32(number * 100 + die))
        }
        return RankTable.Server(
            id: "node_\(number)", hostAddress: "172.16.0.\(number)", superPod: pod,
            devices: devices)
    }

    @Test func `version 1_0 is that of the HCCL guide`() throws {
        let table = try RankTable(
            version: .servers, servers: [server(1, pod: nil), server(2, pod: nil)])
        let text = """
            {"status":"completed","version":"1.0","server_count":"2","server_list":[
            {"server_id":"node_1","device":[
            {"device_id":"0","device_ip":"192.168.1.6","rank_id":"0"},
            {"device_id":"1","device_ip":"192.168.1.7","rank_id":"1"}]},
            {"server_id":"node_2","device":[
            {"device_id":"0","device_ip":"192.168.2.6","rank_id":"2"},
            {"device_id":"1","device_ip":"192.168.2.7","rank_id":"3"}]}]}
            """
        #expect(table.json == (try JSONValue(parsing: text)))
    }

    @Test func `version 1_2 has hosts, places in the super pod, and the pods`() throws {
        let table = try RankTable(
            version: .superPods, servers: [server(1, dies: [0], addresses: false)])
        let text = """
            {"status":"completed","version":"1.2","server_count":"1","server_list":[
            {"server_id":"node_1","host_ip":"172.16.0.1","device":[
            {"device_id":"0","super_device_id":"100","rank_id":"0"}]}],
            "super_pod_list":[{"super_pod_id":"0","server_list":[{"server_id":"node_1"}]}]}
            """
        #expect(table.json == (try JSONValue(parsing: text)))
    }

    @Test func `devices are in numeric order, pods together, and ranks follow each other`() throws {
        let table = try RankTable(
            version: .superPods,
            servers: [
                server(1, pod: "a", dies: [10, 2, 1]), server(2, pod: "b"), server(3, pod: "a"),
            ])
        #expect(table.servers.map(\.id) == ["node_1", "node_3", "node_2"])
        #expect(table.servers[0].devices.map(\.id) == [1, 2, 10])
        let ranks = (table.json["server_list"]?.arrayValue ?? []).flatMap { server in
            (server["device"]?.arrayValue ?? []).map { $0["rank_id"]?.stringValue }
        }
        #expect(ranks == (0..<7).map { String($0) })
        #expect(table.json["super_pod_list"]?[0]?["server_list"]?.arrayValue?.count == 2)
    }

    @Test func `what is missing or there twice is told`() {
        func failure(
            _ version: RankTable.Version, _ servers: [RankTable.Server]
        ) -> RankTableFailure? {
            #expect(throws: RankTableFailure.self) {
                try RankTable(version: version, servers: servers)
            }
        }
        #expect(failure(.servers, []) == .noServers)
        #expect(failure(.servers, [server(1), server(1)]) == .serverTwice("node_1"))
        #expect(failure(.servers, [server(1, dies: [])]) == .noDevices("node_1"))
        #expect(failure(.servers, [server(1, dies: [3, 3])]) == .deviceTwice("node_1", 3))
        #expect(failure(.superPods, [server(1, pod: nil)]) == .noSuperPod("node_1"))
        #expect(
            failure(.servers, [server(1, addresses: false)]) == .noDeviceAddress("node_1", 0))
        #expect(
            failure(
                .superPods, [server(1, pod: "a", addresses: false), server(2, pod: "b")])
                == .noDeviceAddress("node_1", 0))
    }
}
