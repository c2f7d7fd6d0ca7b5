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
    /// How many dist-init ports the generations of the group take turns with.
    public let distInitTurns: Int
    /// Host ports that HCCL searches for a free one; empty where it is not used or takes any.
    public let hcclPorts: [ClosedRange<Int>]
}

/// Ports that something binds on its node.
public struct PortClaim: Hashable, Sendable {
    public let ports: ClosedRange<Int>
    /// What for: `prefill-0 HTTP`.
    public let purpose: String
    /// The range is searched for a free port, so that two that search may share it.
    public let isSearched: Bool

    public init(_ ports: ClosedRange<Int>, _ purpose: String, isSearched: Bool = false) {
        self.ports = ports
        self.purpose = purpose
        self.isSearched = isSearched
    }
}

extension Profile {
    /// The groups in the order in which nodes are given out: prefill and decode, or mixed.
    public var groupShapes: [GroupShape] {
        var shapes: [GroupShape] = []
        for role in roles {
            let flags = arguments(of: role).map(\.flag)
            let hccl = hccl(of: role)
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
                        usesDPAttention: !Self.dpAttention.isDisjoint(with: flags),
                        distInitTurns: role.ports.turns,
                        hcclPorts: hccl.variables.isEmpty ? [] : hccl.hostPorts))
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

    /// The distance of two turns: more than the P to P+13 that one takes.
    private static let turnStride = 16

    /// The dist-init port of a generation, if the published one is `port`: the first generation has
    /// that one, and the next ones take turns above it. So a rank that is left over of the
    /// generation before cannot meet the ranks of this one.
    public static func distInitPort(_ port: Int, turns: Int, generation: UInt64) -> Int {
        port + turnStride * Int((max(generation, 1) - 1) % UInt64(max(turns, 1)))
    }

    /// The ports that the group binds on the node of a rank, whatever its generation.
    public func claims(ofMaster isMaster: Bool) -> [PortClaim] {
        let turns = distInitPort == nil ? 1 : distInitTurns
        var claims: [PortClaim] = []
        for turn in 0..<turns {
            let own = self.claims(ofMaster: isMaster, generation: UInt64(turn) + 1)
            claims += own.filter { !claims.contains($0) }
        }
        return claims
    }

    /// The ports that one generation of the group binds on the node of a rank.
    public func claims(ofMaster isMaster: Bool, generation: UInt64) -> [PortClaim] {
        var claims = [PortClaim(httpPort...httpPort, "\(name) HTTP")]
        let moved = distInitPort.map {
            Self.distInitPort($0, turns: distInitTurns, generation: generation)
        }
        if usesDPAttention {
            // Every node of the group tests these, also those that do not use them.
            let base = moved ?? httpPort + Self.deltaWithoutDistInit
            claims.append(PortClaim(base...base + 6, "\(name) dist-init and its sockets"))
            claims.append(PortClaim(base + 13...base + 13, "\(name) DP controller"))
        } else if let moved, isMaster {
            claims.append(PortClaim(moved...moved, "\(name) dist-init"))
        }
        if isMaster, let bootstrapPort {
            claims.append(PortClaim(bootstrapPort...bootstrapPort, "\(name) bootstrap"))
        }
        if isMaster, let storePort {
            claims.append(PortClaim(storePort...storePort, "transfer store"))
        }
        claims += hcclPorts.map { PortClaim($0, "\(name) HCCL", isSearched: true) }
        return claims
    }
}

extension [PortClaim] {
    /// The first two claims, one of each list, that want the same port.
    public func collision(with others: [PortClaim]) -> (PortClaim, PortClaim)? {
        for claim in self {
            for other in others where claim.ports.overlaps(other.ports) {
                if claim.isSearched, other.isSearched { continue }
                return (claim, other)
            }
        }
        return nil
    }
}
