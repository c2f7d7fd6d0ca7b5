// What a profile asks of the nodes, group by group: how many, which devices, which ports. The map of
// the ports that an engine binds follows SGLang 0.5.12 (`PortArgs` and `dp_controller`), because two
// groups that share a node, or a group and the agent, must not meet on one.

public import Base

/// One group of the deployment, before any node is chosen.
public struct GroupShape: Hashable, Sendable {
    public let name: GroupName
    public let role: Role
    /// The place among the groups of its role, from 0.
    public let index: Int
    public let nodes: Int
    /// The devices that it takes on each of its nodes.
    public let devices: [Int]
    public let httpPort: Int
    public let distInitPort: Int?
    public let bootstrapPort: Int?
    /// The store's port, for the group whose rank 0 has it.
    public let storePort: Int?
    public let usesDPAttention: Bool
}

/// Ports that something binds on its node.
public struct PortClaim: Hashable, Sendable {
    public let ports: ClosedRange<Int>
    /// What for: `prefill-0 HTTP`.
    public let purpose: String

    public init(_ ports: ClosedRange<Int>, _ purpose: String) {
        self.ports = ports
        self.purpose = purpose
    }
}

extension Profile {
    /// The groups in the order in which nodes are given out: prefill and decode, or mixed.
    public var groupShapes: [GroupShape] {
        var shapes: [GroupShape] = []
        for role in roles {
            let flags = arguments(of: role).map(\.flag)
            for index in 0..<role.groups {
                let offset = role.ports.step * index
                shapes.append(
                    GroupShape(
                        name: GroupName("\(role.role.rawValue)-\(index)"), role: role.role,
                        index: index, nodes: role.nodes,
                        devices: role.devices.devices(ofGroup: index),
                        httpPort: role.ports.http + offset,
                        distInitPort: role.ports.distInit.map { $0 + offset },
                        bootstrapPort: role.ports.bootstrap.map { $0 + index },
                        storePort: shapes.isEmpty ? store?.port : nil,
                        usesDPAttention: !Self.dpAttention.isDisjoint(with: flags)))
            }
        }
        return shapes
    }

    /// Either gives attention data parallel groups; the second is that of SGLang 0.5.22.
    static let dpAttention: Set<String> = ["--enable-dp-attention", "--attn-dp-size"]

    /// What the router binds.
    public var routerClaims: [PortClaim] {
        guard let router else { return [] }
        return [
            PortClaim(router.port...router.port, "router HTTP"),
            PortClaim(router.metricsPort...router.metricsPort, "router metrics"),
        ]
    }
}

extension GroupShape {
    /// SGLang puts its sockets this far above the HTTP port where it has no dist-init address.
    private static let deltaWithoutDistInit = 233

    /// The ports that the group binds on the node of a rank.
    public func claims(ofMaster isMaster: Bool) -> [PortClaim] {
        var claims = [PortClaim(httpPort...httpPort, "\(name) HTTP")]
        if usesDPAttention {
            // Every node of the group tests these, also those that do not use them.
            let base = distInitPort ?? httpPort + Self.deltaWithoutDistInit
            claims.append(PortClaim(base...base + 6, "\(name) dist-init and its sockets"))
            claims.append(PortClaim(base + 13...base + 13, "\(name) DP controller"))
        } else if let distInitPort, isMaster {
            claims.append(PortClaim(distInitPort...distInitPort, "\(name) dist-init"))
        }
        if isMaster, let bootstrapPort {
            claims.append(PortClaim(bootstrapPort...bootstrapPort, "\(name) bootstrap"))
        }
        if isMaster, let storePort {
            claims.append(PortClaim(storePort...storePort, "transfer store"))
        }
        return claims
    }
}

extension [PortClaim] {
    /// The first two claims, one of each list, that want the same port.
    public func collision(with others: [PortClaim]) -> (PortClaim, PortClaim)? {
        for claim in self {
            for other in others where claim.ports.overlaps(other.ports) { return (claim, other) }
        }
        return nil
    }
}
