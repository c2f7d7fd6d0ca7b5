// The rank table of a group: its nodes and their order from the plan, its devices from the profile, and
// what the nodes themselves tell of each device.

import Ascend
import Base
import Planning
import Profiles

/// What a rank table is made from.
struct RankTableMaking {
    /// Of the group, by rank.
    let ranks: [JSONValue]
    let devices: [Int]
    /// By node; what is not there has a reason in `silent`.
    private var inventories: [String: NodeInventory] = [:]
    private var silent: [String: String] = [:]

    /// - Parameters:
    ///   - group: of `GET /v1/plan`.
    ///   - profile: what the plan was made for.
    ///   - nodes: of `GET /v1/inventory`.
    init(group: JSONValue, profile: Profile, nodes: [JSONValue]) {
        ranks = group["ranks"]?.arrayValue ?? []
        let name = GroupName(group.text("name"))
        devices = profile.groupShapes.first { $0.name == name }?.devices ?? []
        for node in nodes {
            guard let document = node["inventory"] else {
                silent[node.text("node")] = node.text("error")
                continue
            }
            do throws(JSONMismatch) {
                inventories[node.text("node")] = try NodeInventory(json: document)
            } catch {
                silent[node.text("node")] = "its inventory cannot be read: \(error)"
            }
        }
    }

    /// The table, or everything that is missing for it, each with what to do about it.
    func table(_ version: RankTable.Version) -> Result<RankTable, RankTableGaps> {
        var gaps: [String] = []
        var servers: [RankTable.Server] = []
        for rank in ranks {
            let node = rank.text("node")
            guard let inventory = inventories[node] else {
                let why = silent[node] ?? "it is not configured"
                gaps.append("\(node) did not tell what it is: \(why); start its agent")
                continue
            }
            guard let dies = inventory.dies.value else {
                let gap = inventory.dies.gap.map { "\($0)" } ?? ""
                gaps.append("the devices of \(node) are not known: \(gap); see npu-smi info there")
                continue
            }
            servers.append(server(rank, inventory, dies))
        }
        let failures = RankTable.failures(version: version, servers: servers)
        // Without any server the nodes are what is missing.
        gaps += failures.filter { $0 != .noServers || gaps.isEmpty }.map(\.description)
        guard gaps.isEmpty else { return .failure(RankTableGaps(gaps)) }
        do throws(RankTableFailure) {
            return .success(try RankTable(version: version, servers: servers))
        } catch {
            return .failure(RankTableGaps([error.description]))
        }
    }

    private func server(
        _ rank: JSONValue, _ inventory: NodeInventory, _ dies: [Die]
    ) -> RankTable.Server {
        let addresses = inventory.roceAddresses.value ?? []
        return RankTable.Server(
            id: rank.text("node"), hostAddress: rank.text("address"),
            superPod: inventory.place.map { String($0.superPodID) },
            devices: devices.map { device in
                let place = dies.first { $0.id.value == device }?.place.value
                return RankTable.Device(
                    id: device, address: addresses.first { $0.die.value == device }?.address,
                    superPodDevice: place?.sdid.value)
            })
    }
}

/// What is missing for a rank table.
struct RankTableGaps: Error, Hashable, Sendable {
    let gaps: [String]
    private static let toldLimit = 8

    init(_ gaps: [String]) {
        self.gaps = gaps
    }

    /// The first few: what one device lacks, all of a node usually lack.
    var message: String {
        let more = gaps.count - Self.toldLimit
        return
            (["no rank table can be made:"] + gaps.prefix(Self.toldLimit)
            + (more > 0 ? ["and \(counted(more, "more gap"))"] : []))
            .joined(separator: "\n  ")
    }
}
