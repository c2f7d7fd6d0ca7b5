// The leader's committed assignment: which node holds which rank of which group, with every address
// and port. It is a value, replicated as it stands; what runs is derived from it and the profile
// alone, so every node derives the same.

public import Base

/// Who serves what, as of an epoch.
public struct Plan: Hashable, Sendable {
    public let epoch: Epoch
    /// In the profile's order: prefill groups, decode groups (or mixed), then the router.
    public var groups: [PlannedGroup]
    /// Nodes that were usable when this was planned and hold no rank, in the configured order.
    public var spares: [NodeID]

    public init(epoch: Epoch, groups: [PlannedGroup], spares: [NodeID]) {
        self.epoch = epoch
        self.groups = groups
        self.spares = spares
    }

    public func group(_ name: GroupName) -> PlannedGroup? {
        groups.first { $0.name == name }
    }

    /// The group whose process has the transfer store: one of its own, or rank 0 of the first prefill group;
    /// nil where none is used. What is in the store is lost with that process.
    public var storeOwner: GroupName? {
        let own = groups.first { $0.role == .store }
        let first = groups.first { $0.role == .prefill && $0.store != nil && $0.index == 0 }
        return (own ?? first)?.name
    }
}

/// The nodes that run one engine instance together, or the router.
public struct PlannedGroup: Hashable, Sendable {
    public let name: GroupName
    public let role: Role
    /// The place of this group among those of its role, from 0.
    public let index: Int
    /// By rank: the first is the dist-init master.
    public var ranks: [PlannedRank]
    /// Where the ranks meet; nil where the publication gives none (one node without DP attention).
    public var distInit: Endpoint?
    /// Where rank 0 serves HTTP, as the router and the probes reach it.
    public var http: Endpoint
    /// Where decode finds this prefill group's bootstrap server.
    public var bootstrap: Endpoint?
    /// Where the transfer store listens, for engines that use one.
    public var store: Endpoint?
    /// What the router must know; empty for engine groups. It is part of the group, so that a
    /// router whose workers move is restarted like any group whose launch has changed.
    public var workers: [PlannedWorker]

    public init(
        name: GroupName, role: Role, index: Int, ranks: [PlannedRank], distInit: Endpoint?,
        http: Endpoint, bootstrap: Endpoint?, store: Endpoint?, workers: [PlannedWorker] = []
    ) {
        self.name = name
        self.role = role
        self.index = index
        self.ranks = ranks
        self.distInit = distInit
        self.http = http
        self.bootstrap = bootstrap
        self.store = store
        self.workers = workers
    }

    public func rank(of node: NodeID) -> NodeRank? {
        ranks.firstIndex { $0.node == node }.map { NodeRank($0) }
    }
}

/// One node's place in a group.
public struct PlannedRank: Hashable, Sendable {
    public let node: NodeID
    /// The node's own address, which its engine binds and its peers dial.
    public let address: String

    public init(node: NodeID, address: String) {
        self.node = node
        self.address = address
    }
}

/// One engine group as the router sees it.
public struct PlannedWorker: Hashable, Sendable {
    public let group: GroupName
    public let role: Role
    public let http: Endpoint
    public let bootstrapPort: UInt16?

    public init(group: GroupName, role: Role, http: Endpoint, bootstrapPort: UInt16?) {
        self.group = group
        self.role = role
        self.http = http
        self.bootstrapPort = bootstrapPort
    }
}
