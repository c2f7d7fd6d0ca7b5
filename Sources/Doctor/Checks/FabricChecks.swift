// Checks 5 and 6: the fabric between the dies. On an A3 that is HCCS, and nodes meet over it only within one
// super pod; the proof is a ping from die to die. The RoCE port's own link is no evidence here.

import Ascend
import Base

extension Diagnosis {
    mutating func checkFabric(_ cluster: ClusterExamination) -> String {
        checkPods(cluster)
        for (node, found) in cluster.told {
            for die in found.inventory.dies.value ?? [] { checkVNIC(node, die) }
            if let gap = found.inventory.dies.gap { report(.fabric, node, gap: gap) }
        }
        let failed = cluster.pings.filter { $0.isSound == .known(false) }
        for ping in failed {
            report(
                .fabric, .error, ping.from, die: ping.die,
                "ping of \(ping.address) on \(ping.to): \(ping.text)",
                remedy:
                    "try hccn_tool -i \(ping.die) -hccs_ping -g address \(ping.address); then look "
                    + "at the L1 switch and the optical link")
        }
        for ping in cluster.pings {
            if let gap = ping.isSound.gap { report(.fabric, ping.from, die: ping.die, gap: gap) }
        }
        let places = cluster.told.filter { $0.found.inventory.place != nil }
        if places.count > 1 && cluster.pings.isEmpty {
            report(.fabric, .unknown, nil, "no die was pinged", remedy: "ask through an agent")
        }
        return "one super pod, every virtual NIC up, \(cluster.pings.count) pings came back"
    }

    private mutating func checkPods(_ cluster: ClusterExamination) {
        var pods: [(node: NodeID, value: Int)] = []
        var servers: [Int: [NodeID]] = [:]
        for (node, found) in cluster.told {
            guard let dies = found.inventory.dies.value else { continue }
            guard let place = found.inventory.place else {
                reportNoPlace(node, dies)
                continue
            }
            pods.append((node, place.superPodID))
            servers[place.serverIndex, default: []].append(node)
        }
        compare(
            .fabric, .error, "super pod", pods, shown: { "\($0)" },
            remedy: "use nodes of one super pod: engines do not meet across two over HCCS")
        for (server, nodes) in servers.sorted(by: { $0.key < $1.key }) where nodes.count > 1 {
            let pod = Set(pods.filter { nodes.contains($0.node) }.map(\.value))
            guard pod.count < nodes.count else { continue }
            for node in nodes {
                report(
                    .fabric, .error, node, "server index \(server) is that of \(names(nodes))",
                    remedy: "set distinct server indices in the BMC")
            }
        }
    }

    private mutating func reportNoPlace(_ node: NodeID, _ dies: [Die]) {
        let gaps = dies.filter { $0.place.gap != nil }
        for die in gaps {
            guard let gap = die.place.gap else { continue }
            // The command line names the die: said once without it.
            report(
                .fabric, .unknown, node, die: die.id, "super pod not known: \(gap.detail)",
                remedy: gap.complaint?.remedy ?? "")
        }
        if gaps.isEmpty && !dies.isEmpty {
            report(
                .fabric, .error, node, "its dies are of different super pods or servers",
                remedy: "look at npu-smi info -t spod-info, and at the BMC")
        }
    }

    private mutating func checkVNIC(_ node: NodeID, _ die: Die) {
        switch die.fabric.vnic {
        case .known(let vnic) where vnic.link == .up:
            // Peers are pinged, and met by HCCL, at the address that follows from the SDID.
            guard let computed = die.place.value?.sdid.vnicAddress, computed != vnic.address
            else { return }
            report(
                .fabric, .warning, node, die: die.id,
                "virtual NIC has \(vnic.address), and \(computed) follows from its SDID",
                remedy: "compare npu-smi info -t spod-info with hccn_tool -vnic -g; driver and "
                    + "firmware may be of two releases")
        case .known(let vnic):
            report(
                .fabric, .error, node, die: die.id, "virtual NIC is \(vnic.link)",
                remedy:
                    "look at the HCCS link of the card and at its L1 switch; then the server needs "
                    + "service")
        case .unknown(let gap):
            report(
                .fabric, .unknown, node, die: die.id, "virtual NIC not known: \(gap.detail)",
                remedy: gap.complaint?.remedy ?? "")
        }
    }

    // MARK: - 6

    mutating func checkTLS(_ cluster: ClusterExamination) -> String {
        var switches: [(node: NodeID, die: DieID, isOn: Bool)] = []
        for (node, found) in cluster.told {
            if let gap = found.inventory.dies.gap { report(.tls, node, gap: gap) }
            for die in found.inventory.dies.value ?? [] {
                switch die.fabric.isTLSEnabled {
                case .known(let isOn): switches.append((node, die.id, isOn))
                case .unknown(let gap):
                    report(
                        .tls, .unknown, node, die: die.id, "TLS switch not known: \(gap.detail)",
                        remedy: gap.complaint?.remedy ?? "")
                }
            }
        }
        // By dies: one die that differs from its own node is as bad as a node from the others.
        let on = switches.filter(\.isOn).count
        guard on > 0, on < switches.count else {
            return "\(on > 0 ? "on" : "off") on all \(switches.count) dies"
        }
        // Off is what the guides want; it is the usual one where there are as many of each.
        let usual = on > switches.count - on
        for (node, die, isOn) in switches where isOn != usual {
            report(
                .tls, .error, node, die: die,
                "TLS switch is \(isOn ? "on" : "off"), while most dies have it "
                    + "\(usual ? "on" : "off")",
                remedy: "make it equal everywhere: hccn_tool -i DIE -tls -s enable \(usual ? 1 : 0)"
            )
        }
        return ""
    }
}
