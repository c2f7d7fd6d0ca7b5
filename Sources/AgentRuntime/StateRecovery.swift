// A stopped agent's state directory is changed so that its node goes on alone: for the day on which most
// voters are lost for ever. It says so in the log like any other change, so that the node which starts on it
// finds nothing extraordinary.

public import Base
import CBOR
import ClusterState
public import Consensus
public import EventLoop
public import Host
import Storage
import WireProtocol

/// The recovery of one state directory.
public final class StateRecovery {
    public let node: NodeID
    /// Where its log ends.
    public let lastIndex: LogIndex
    public let term: Term
    /// The nodes that are removed by it.
    public let others: [NodeID]
    /// What was found amiss with the directory when it was opened; usually nothing.
    public let repairs: [String]

    private let loop: Loop
    private let store: DurableStore
    private let state: DurableState
    private let own: ConfiguredNode
    private let listed: [ConfiguredNode]

    /// Opens the directory, which no agent may be using, and looks.
    /// - Throws: ``AgentError`` where it cannot be used, or holds nothing to go on with.
    public init(
        _ loop: Loop, _ configuration: AgentConfiguration, host: HostFacts
    ) throws(AgentError) {
        self.loop = loop
        do {
            own = try configuration.findOwnNode(on: host).node
            let opened = try DurableStore.open(
                directory: "\(configuration.stateDirectory)/consensus", node: own.node,
                cluster: configuration.cluster,
                machine: MachineNumber.lasting(HostRoot(configuration.hostRoot)), on: loop)
            store = opened.store
            state = opened.state
            repairs = opened.repairs
        } catch {
            throw AgentError("\(error)")
        }
        guard state.lastIndex > .zero else {
            throw AgentError(
                "\(configuration.stateDirectory) holds nothing yet: this node was never part of the "
                    + "cluster, so there is nothing to go on with. Recover another node")
        }
        node = own.node
        lastIndex = state.lastIndex
        term = state.entries.last?.term ?? state.snapshot?.term ?? .zero
        let takingPart = state.participants?.all ?? []
        listed = configuration.nodes
        others = Set(listed.map(\.node) + takingPart).subtracting([own.node]).sorted()
    }

    /// Writes it.
    /// - Throws: ``AgentError`` where the disk does not take it; nothing is changed then.
    public func perform() throws(AgentError) {
        let commands = [
            // Where the roster was agreed on, the first changes nothing.
            Command(.enrol(listed), at: loop.wallTime),
            Command(.recoverAlone(own), at: loop.wallTime),
        ]
        let recovered = state.recovered(
            asOnlyVoter: node, commands: commands.map { $0.cbor.encoded })
        let request = PersistRequest(
            token: PersistToken(1),
            entries: recovered.entries.filter { $0.index > lastIndex },
            hardState: recovered.hardState)
        var outcome: Result<PersistToken, StorageError>?
        store.persist(request) { outcome = $0 }
        guard loop.run(within: .seconds(30), until: { outcome != nil }), let outcome else {
            throw AgentError("the disk does not answer; look at it, and try again")
        }
        if case .failure(let error) = outcome { throw AgentError(error) }
    }
}

@available(*, unavailable) extension StateRecovery: Sendable {}
