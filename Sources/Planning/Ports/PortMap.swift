// Every port of one rank of a planned group on its host: what must be free before it starts, what it
// may take besides, and which of the fixed ones lie where others take ports at random. The map follows
// SGLang 0.5.12 to 0.5.23 (`PortArgs`, `dp_controller`, the bootstrap server), memfabric and HCCL.

public import Base
public import Profiles

/// The ports of one rank.
public struct PortMap: Hashable, Sendable {
    /// What the rank binds at fixed ports, and HCCL's searched ranges.
    public let claims: [PortClaim]
    /// Where each fixed port must be free before the rank starts.
    public let mustBeFree: [Endpoint]
    /// Where the rank takes a port that nobody knows beforehand, and its peers must reach it there; without
    /// the ephemeral range, which is the host's own.
    public let searched: [PortClaim]

    /// The ports of a rank of one generation of a group.
    public init(profile: Profile, group: PlannedGroup, rank: NodeRank, generation: Generation) {
        let address = group.ranks[rank.value].address
        guard group.role != .router else {
            searched = []
            claims = profile.routerClaims
            // The metrics are bound on every address, the service where the plan says.
            let metrics = profile.router.flatMap { UInt16(exactly: $0.metricsPort) }
            mustBeFree =
                [group.http] + (metrics.map { [Endpoint(host: address, port: $0)] } ?? [])
            return
        }
        if group.role == .store {
            searched = []
            claims = [PortClaim(Int(group.http.port)...Int(group.http.port), "transfer store")]
            mustBeFree = [group.http]
            return
        }
        let shape = profile.groupShapes.first { $0.name == group.name }
        claims =
            shape?.claims(ofMaster: rank == .master, generation: generation.value) ?? []
        searched =
            claims.filter(\.isSearched)
            + (profile.store == nil
                ? [] : [PortClaim(PortZone.memfabric.ports, "memfabric", isSearched: true)])
        // A store of its own holds its port before the engines come.
        let taken = profile.store?.process == .standalone ? shape?.storePort : nil
        mustBeFree = claims.filter {
            !$0.isSearched && $0.ports.lowerBound != taken
        }.flatMap(\.ports).compactMap { port in
            UInt16(exactly: port).map { Endpoint(host: address, port: $0) }
        }
    }
}

extension PortMap {
    /// What a rank binds in any of its generations: it takes turns with the ports where ranks meet.
    public static func everyClaim(
        of group: PlannedGroup, _ rank: NodeRank, _ profile: Profile
    ) -> [PortClaim] {
        if group.role == .router { return profile.routerClaims }
        return profile.groupShapes.first { $0.name == group.name }?
            .claims(ofMaster: rank == .master) ?? []
    }
}

extension PlannedGroup {
    /// The group as that generation is launched: its ranks meet at a port of their own.
    public func launched(in generation: Generation, of profile: Profile) -> PlannedGroup {
        guard let distInit, let role = profile.role(role) else { return self }
        let port = GroupShape.distInitPort(
            Int(distInit.port), turns: role.ports.turns, generation: generation.value)
        guard let port = UInt16(exactly: port) else { return self }
        var group = self
        group.distInit = Endpoint(host: distInit.host, port: port)
        return group
    }
}

/// Ports that others take without being asked.
enum PortZone: CaseIterable {
    case memfabric, ephemeral

    var ports: ClosedRange<Int> {
        switch self {
        case .memfabric: 15000...25000
        case .ephemeral: 32768...60999
        }
    }

    var owner: String {
        switch self {
        case .memfabric: "memfabric takes ports at random, one for each device"
        case .ephemeral: "Linux takes the ports of outgoing connections (unless reserved)"
        }
    }
}

extension Profile {
    /// Fixed ports that something else may take first, one sentence each. They are no reason not to
    /// plan, since the published store port is one of them.
    public var portWarnings: [String] {
        let claims = groupShapes.flatMap { $0.claims(ofMaster: true) } + routerClaims
        var told: Set<String> = []
        return claims.filter { !$0.isSearched }.flatMap { claim in
            PortZone.allCases.filter { zone in
                (zone != .memfabric || store != nil) && zone.ports.overlaps(claim.ports)
            }.map { zone in
                "\(claim.purpose) has port \(claim.ports.lowerBound), and from "
                    + "\(zone.ports.lowerBound) to \(zone.ports.upperBound) \(zone.owner)"
            }
        }.filter { told.insert($0).inserted }
    }
}
