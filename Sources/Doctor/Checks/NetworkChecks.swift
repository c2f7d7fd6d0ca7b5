// Checks 2, 3, 4 and 15: the host's own network, over which ranks meet. That the fabric is well says nothing
// of it, and that agents meet says nothing of the engines' ports.

import Ascend
import Base

extension Diagnosis {
    mutating func checkInterface(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told { checkInterface(node, found) }
        compare(
            .interface, .info, "interface of HCCL and Gloo",
            cluster.told.compactMap { told in
                told.found.interface.map { (node: told.node, value: $0) }
            }, shown: { $0 }, remedy: "nothing, where the hosts are wired so")
        return "every address is on its interface, which is up"
    }

    private mutating func checkInterface(_ node: NodeID, _ found: NodeExamination) {
        guard let address = found.address else {
            return reportLocal(.interface, "the address that engines use is not known here")
        }
        let carriers = found.inventory.interfaces.filter { $0.addresses.contains(address) }
        // All of 127.0.0.0/8 is the loopback's, whatever it lists.
        let isLoopback = address.hasPrefix("127.") || address == "::1"
        if carriers.isEmpty && !isLoopback {
            report(
                .interface, .error, node, "no interface has the address \(address)",
                remedy: "give it to an interface, or mend the node's entry in agent.yaml")
        }
        for carrier in carriers where !carrier.isUp {
            report(
                .interface, .error, node, "\(carrier.name), which has \(address), is down",
                remedy: "ip link set \(carrier.name) up")
        }
        guard let name = found.interface, !isLoopback else { return }
        if !carriers.isEmpty, !carriers.contains(where: { $0.name == name }) {
            report(
                .interface, .error, node,
                "engines are told the interface \(name), and \(address) is on \(carriers[0].name)",
                remedy: "mend interface in agent.yaml, or leave it out")
        }
    }

    // MARK: - 3

    mutating func checkReachability(_ cluster: ClusterExamination) -> String {
        for dial in cluster.dials {
            guard let failure = dial.failure else { continue }
            let searched = cluster.told.first { $0.node == dial.to }?.found.ports
                .first { $0.endpoint == dial.endpoint }?.searched
            let filter = "a packet filter on \(dial.to) and between"
            report(
                .reachability, .error, dial.from,
                "cannot reach \(dial.endpoint) of \(dial.to)"
                    + (searched.map { " (\($0))" } ?? "") + ": \(failure)",
                remedy: searched.map { "look for \(filter): all of \($0.range) must be open" }
                    ?? "look for \(filter), and at the route")
        }
        for (node, found) in cluster.told {
            let firewall = found.inventory.firewall
            if !firewall.running.isEmpty {
                report(
                    .reachability, .warning, node,
                    "packet filters run: \(firewall.running.joined(separator: ", "))",
                    remedy: "open the planned ports, or stop it (systemctl disable --now)")
            } else if !firewall.startingAtBoot.isEmpty {
                report(
                    .reachability, .warning, node,
                    "will run after a boot: \(firewall.startingAtBoot.joined(separator: ", "))",
                    remedy: "systemctl disable it, or open the planned ports")
            }
            checkRules(node, firewall.rules)
        }
        guard cluster.dials.isEmpty else { return "\(cluster.dials.count) connections stood" }
        if cluster.isLocal { reportLocal(.reachability, "no other node is known here") }
        if cluster.nodes.count < 2 { return "one node, nothing to dial" }
        report(
            .reachability, .unknown, nil, "nothing was dialled: there is no plan with ports yet",
            remedy: "ask again once there is a plan")
        return ""
    }

    /// A rule with a condition may be about something else; only a dial shows what it does.
    private mutating func checkRules(_ node: NodeID, _ rules: Fact<[FilterRule]>) {
        switch rules {
        case .known(let rules):
            for rule in rules {
                report(
                    .reachability, rule.isForAll ? .warning : .info, node,
                    "a packet filter turns packets away: \(rule.text)",
                    remedy: rule.isForAll ? "let the planned ports through before it" : "")
            }
        case .unknown(let gap) where [.notAsked, .notInstalled].contains(gap.kind): break
        case .unknown(let gap):
            report(.reachability, .info, node, "packet filter not known: \(gap)")
        }
    }

    // MARK: - 4

    mutating func checkPorts(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told {
            for port in found.ports where port.state == .taken {
                report(
                    .ports, .error, node, "\(port.endpoint) \(port.reason)",
                    remedy: "end who has it, or give the profile other ports")
            }
            checkReservedPorts(node, found)
        }
        if cluster.isLocal { reportLocal(.ports, "what is planned is not known here") }
        let count = cluster.told.reduce(0) { $0 + $1.found.ports.count }
        return count == 0 ? "none are planned here" : "\(count) ports"
    }

    private mutating func checkReservedPorts(_ node: NodeID, _ found: NodeExamination) {
        let kernel = found.inventory.kernel
        guard let ephemeral = kernel.ephemeralPorts.value, let reserved = kernel.reservedPorts.value
        else {
            for gap in [kernel.ephemeralPorts.gap, kernel.reservedPorts.gap].compactMap({ $0 }) {
                report(.ports, node, gap: gap)
            }
            return
        }
        // Without a plan HCCL is taken to listen where it does unless told otherwise.
        let usual = [PortRange(first: 60000, last: 60031)].compactMap { $0 }
        let claimed = found.address == nil ? usual : found.shards.flatMap(\.reservedPorts)
        let atRisk = PortSet(claimed).intersection(PortSet([ephemeral]))
            .subtracting(PortSet(reserved))
        guard !atRisk.isEmpty else { return }
        report(
            .ports, .warning, node,
            "any outgoing connection may take \(atRisk): the ephemeral range is \(ephemeral)",
            remedy: "host_tuning: apply in agent.yaml reserves them; or sysctl -w "
                + "net.ipv4.ip_local_reserved_ports=\(PortSet(reserved).union(atRisk))")
    }

    // MARK: - 15

    mutating func checkHostName(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told {
            let name = found.inventory.hostName
            let addresses = found.inventory.ownAddressesInHosts
            let loopback = addresses.filter { $0.hasPrefix("127.") }
            if !loopback.isEmpty {
                report(
                    .hostName, .warning, node,
                    "/etc/hosts gives \(name) the address \(loopback.joined(separator: ", "))",
                    remedy: "give it the node's own address there, or Gloo may bind the loopback")
            } else if addresses.isEmpty {
                report(.hostName, .info, node, "/etc/hosts does not know \(name)")
            } else if let own = found.address, !own.hasPrefix("127."), !addresses.contains(own) {
                report(
                    .hostName, .info, node,
                    "/etc/hosts gives \(name) \(addresses.joined(separator: ", ")), not \(own)")
            }
        }
        return "/etc/hosts gives no name a loopback address"
    }
}
