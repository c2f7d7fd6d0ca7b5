// What must never be false, whatever fails. Each is written as the sentence that is reported when it is
// broken, and Protocols/simulation.md lists them. They are checked at every step and every act, against
// everything that was ever seen in the run.

import Base
import CBOR
import ClusterState
import Consensus
import Membership
import Node
import Planning
import Supervision
import WireProtocol

/// The watch over one run.
struct Invariants {
    /// The first sentence that turned out false.
    private(set) var violation: String?
    var disturbances: Disturbances
    /// The same of hosts alone: down or cut off, whatever their agents do.
    var unreachable: Disturbances
    /// The same of agents alone: down or stopped, whatever the network does.
    var asleep: Disturbances
    /// Who cannot talk with a majority of the voters.
    var alone: Disturbances
    var filesHaveChanged = false
    private let indexOfNode: [NodeID: Int]

    // What was agreed.
    private var leaders: [Term: NodeID] = [:]
    private(set) var newestTerm = Term.zero
    private(set) var committed: [LogIndex: LogEntry] = [:]
    /// The highest place that was first applied in each term.
    var agreedIn: [Term: LogIndex] = [:]
    private(set) var highestAgreed = LogIndex.zero
    private(set) var checked: [LogIndex?]
    var plans: [Epoch: Plan] = [:]
    private var generations: [GroupName: Generation] = [:]
    /// Up to which generation the end of a group is agreed.
    private var endedUpTo: [GroupName: Generation] = [:]
    private var launchedGroups: [Launch: PlannedGroup] = [:]
    /// Where the launch and the end of a generation stand in the log.
    private var launchedAt: [Launch: LogIndex] = [:]
    private var endedAt: [Launch: LogIndex] = [:]
    private var launchedModels: [Launch: String] = [:]
    /// The holders of the older generation that a leader believed to be there when it proposed one.
    private var waitedFor: [Launch: Set<NodeID>] = [:]
    private var deploymentSerial: UInt64 = 0
    private var rosters = RosterWatch()
    /// An operator has said so.
    var oneFileIsEnough = false
    /// How far the log of each leader has been read for what it proposes.
    private var read: [LogIndex]

    // What was done, and what happened.
    private var holders: [ShardID: NodeID] = [:]
    private var newest: [NodeID: [GroupName: Generation]] = [:]
    /// Launches before which the nodes of the group were found clean.
    private var foundClean: Set<Launch> = []
    private var stopsAsked: Set<ShardID> = []
    /// When each node last had contact with a majority, or started.
    private var contactAt: [Instant]
    private var fallen: Set<Launch> = []
    var touched: Set<GroupName> = []
    var everythingTouched = false
    var maintenance = MaintenanceWatch()
    private var promises = PromiseWatch()
    private(set) var versions = VersionWatch()
    var questions: [RequestID: Question] = [:]

    private struct Launch: Hashable {
        let group: GroupName
        let generation: Generation
    }

    struct Question {
        let node: NodeID
        let askedAt: Instant
        let request: OperatorRequest
        /// How far the log was agreed on then.
        let after: LogIndex
    }

    init(nodes: [NodeID]) {
        indexOfNode = Dictionary(
            uniqueKeysWithValues: nodes.enumerated().map { ($0.element, $0.offset) })
        checked = Array(repeating: nil, count: nodes.count)
        disturbances = Disturbances(nodeCount: nodes.count)
        unreachable = disturbances
        asleep = disturbances
        alone = disturbances
        read = Array(repeating: .zero, count: nodes.count)
        contactAt = Array(repeating: .zero, count: nodes.count)
    }

    mutating func broken(_ sentence: String) {
        if violation == nil { violation = sentence }
    }

    // MARK: - Promises

    mutating func says(
        _ frame: [UInt8], to receiver: NodeID, _ sender: NodeID, _ host: SimulatedHost
    ) {
        if let sentence = promises.said(frame, to: receiver, by: sender, on: host) {
            broken(sentence)
        }
    }

    mutating func begins(_ machine: NodeMachine, _ host: SimulatedHost) {
        if let sentence = promises.began(machine.consensus, on: host) { broken(sentence) }
    }

    // MARK: - After a step of a node

    mutating func check(
        _ machine: NodeMachine, _ index: Int, hosts: [SimulatedHost], at now: Instant
    ) {
        let term = machine.consensus.term
        if machine.consensus.role == .leader {
            if leaders[term] != machine.configuration.local {
                checkLeader(machine, of: term, log: hosts[index])
                read[index] = machine.consensus.lastIndex
            }
            checkContact(machine, index, at: now)
            checkProposals(machine, index, hosts: hosts)
        }
        let applied = machine.appliedIndex
        guard checked[index] != applied else { return }
        // A node that has just started applies what it knew already once more.
        let from = checked[index].map { $0 < applied ? $0.next : applied } ?? applied
        checked[index] = applied
        checkEntries(from, applied, machine.configuration.local, log: hosts[index])
        if applied > highestAgreed { (agreedIn[term], highestAgreed) = (applied, applied) }
        rosters.note(machine.state.roster, at: now)
        checkState(machine.state, hosts: hosts, at: now)
        checkDeployment(machine.state, hosts: hosts, at: now)
    }

    /// A leader that hears no majority steps down.
    private mutating func checkContact(_ machine: NodeMachine, _ index: Int, at now: Instant) {
        let patience = machine.configuration.consensus.electionTimeout.lowerBound + .seconds(2)
        // What it reads late, after a sleep, it has heard late.
        guard alone.lasts(patience, of: index, at: now),
            asleep.isSteady(index, for: patience, at: now)
        else { return }
        broken("\(machine.configuration.local) leads, and hears no majority for \(patience)")
    }

    /// No launch is proposed while an engine of an older generation runs on a node that its leader
    /// believes to be there, if that node held a rank of the newest.
    private mutating func checkProposals(
        _ machine: NodeMachine, _ index: Int, hosts: [SimulatedHost]
    ) {
        var next = read[index].next
        while next <= machine.consensus.lastIndex {
            defer { next = next.next }
            guard let entry = hosts[index].entry(at: next) else { continue }
            if let sentence = versions.proposed(
                entry, by: machine, hosts: hosts, index: indexOfNode)
            {
                broken(sentence)
            }
            guard case .launch(let group, let generation, _, _)? = entry.action else { continue }
            checkStore(group, machine.state)
            let held = machine.state.record(of: group.name).launched?.ranks.map(\.node) ?? []
            let present = machine.membership.members.filter {
                $0.state == .alive && held.contains($0.node)
            }
            let launch = Launch(group: group.name, generation: generation)
            waitedFor[launch, default: []].formUnion(present.map(\.node))
            for member in present {
                let host = indexOfNode[member.node] ?? 0
                let older = hosts[host].engines.keys.sorted().first {
                    $0.group == group.name && $0.generation < generation
                }
                if let older {
                    broken(
                        "generation \(generation) of \(group.name) is proposed while \(older) runs "
                            + "on \(member.node), which is there")
                }
            }
        }
        read[index] = machine.consensus.lastIndex
    }

    /// After the first, a deployment is agreed on only once every node's file has said it, or an
    /// operator wants it anyway.
    private mutating func checkDeployment(
        _ state: ReplicatedState, hosts: [SimulatedHost], at now: Instant
    ) {
        guard state.deploymentSerial > deploymentSerial, let deployment = state.deployment
        else { return }
        deploymentSerial = state.deploymentSerial
        // A node that has only just come was perhaps not asked.
        if deploymentSerial > 1, !oneFileIsEnough, now - rosters.changedAt > .seconds(10),
            !members(of: state).allSatisfy({ hosts[$0].pastFiles.contains(deployment) })
        {
            broken("a deployment is agreed on that is not in every node's file")
        }
    }

    /// Without an agreed roster, all.
    private func members(of state: ReplicatedState) -> [Int] {
        guard state.roster.isAgreed else { return Array(checked.indices) }
        return state.roster.nodes.compactMap { indexOfNode[$0.node] }
    }

    /// A term has one leader, and a leader's log holds everything that was agreed in earlier terms.
    /// One that slept through its own election may find that a later leader has agreed on more.
    private mutating func checkLeader(_ machine: NodeMachine, of term: Term, log: SimulatedHost) {
        let node = machine.configuration.local
        if let known = leaders[term] {
            broken("term \(term) has two leaders: \(known) and \(node)")
        }
        leaders[term] = node
        newestTerm = max(newestTerm, term)
        guard let highest = agreedIn.filter({ $0.key < term }).values.max(),
            let last = committed[highest], highest > machine.consensus.snapshotIndex
        else { return }
        if log.entry(at: highest)?.term != last.term {
            broken("\(node) leads in term \(term) without entry \(highest), agreed before")
        }
    }

    /// No two nodes apply different entries at one place of the log.
    private mutating func checkEntries(
        _ first: LogIndex, _ last: LogIndex, _ node: NodeID, log: SimulatedHost
    ) {
        var index = first
        while index <= last {
            if let entry = log.entry(at: index) {
                if let known = committed[index], known != entry {
                    broken("\(node) applies another entry \(index) than others did")
                }
                if committed[index] == nil {
                    noteCommand(of: entry)
                    if let sentence = maintenance.agreed(entry.action) { broken(sentence) }
                }
                committed[index] = entry
            }
            index = index.next
        }
    }

    private mutating func noteCommand(of entry: LogEntry) {
        versions.agreed(entry)
        switch entry.action {
        case .launch(let group, let generation, _, _):
            let launch = Launch(group: group.name, generation: generation)
            launchedAt[launch] = launchedAt[launch] ?? entry.index
        case .end(let group, let generation, _, _, _):
            let launch = Launch(group: group, generation: generation)
            endedAt[launch] = endedAt[launch] ?? entry.index
        default: rosters.agreed(entry.action, at: entry.index)
        }
    }

    /// An epoch has one plan; no node holds two ranks of a group; and what changes has a reason.
    private mutating func checkState(
        _ state: ReplicatedState, hosts: [SimulatedHost], at now: Instant
    ) {
        if let plan = state.plan {
            if let known = plans[plan.epoch] {
                if known != plan { broken("epoch \(plan.epoch) has two plans") }
            } else {
                plans[plan.epoch] = plan
                if let sentence = maintenance.violation(of: plan) { broken(sentence) }
                for group in plan.groups
                where Set(group.ranks.map(\.node)).count != group.ranks.count {
                    broken("a node holds two ranks of \(group.name) in epoch \(plan.epoch)")
                }
            }
        }
        for record in state.groups {
            if record.generation > generations[record.name] ?? .none {
                generations[record.name] = record.generation
                launchedModels[Launch(group: record.name, generation: record.generation)] =
                    state.deployment?.modelPath
                checkLaunch(record, state, hosts: hosts, at: now)
            }
            let isRunning = record.phase == .running
            let ended = isRunning ? Generation(record.generation.value - 1) : record.generation
            guard ended > endedUpTo[record.name] ?? .none else { continue }
            endedUpTo[record.name] = ended
            switch record.phase {
            case .ended(let cause), .failed(let cause):
                checkEnd(record, cause, state, hosts: hosts, at: now)
            case .idle, .running: break
            }
        }
    }

    /// No generation is launched while an engine of an older one runs on a node that the leader
    /// hears.
    private mutating func checkLaunch(
        _ record: GroupRecord, _ state: ReplicatedState, hosts: [SimulatedHost], at now: Instant
    ) {
        launchedGroups[Launch(group: record.name, generation: record.generation)] = record.launched
        let place = launchedAt[Launch(group: record.name, generation: record.generation)]
        if let stranger = rosters.stranger(in: record.launched, launchedAt: place) {
            broken("\(record.name) is launched with \(stranger), which is no node of the cluster")
        }
        let isHeard = { [disturbances] in disturbances.isSteady($0, for: .seconds(5), at: now) }
        guard let leader = leaders[newestTerm].flatMap({ indexOfNode[$0] }), isHeard(leader)
        else { return }
        for index in members(of: state) where isHeard(index) {
            let older = hosts[index].engines.keys.sorted().first {
                $0.group == record.name && $0.generation < record.generation
            }
            if let older {
                broken(
                    "generation \(record.generation) of \(record.name) is launched while \(older) "
                        + "runs on a node that the leader hears")
            }
        }
    }

    /// Who shares a transfer store is launched while its owner runs, and the owner while nobody runs who
    /// knew the store before.
    private mutating func checkStore(_ group: PlannedGroup, _ state: ReplicatedState) {
        guard group.store != nil, let owner = state.plan?.storeOwner else { return }
        guard owner == group.name else {
            if state.record(of: owner).phase != .running {
                broken("\(group.name) is proposed without \(owner), whose store it shares")
            }
            return
        }
        for sharer in state.sharers(ofStoreIn: owner)
        where state.record(of: sharer).phase == .running {
            broken("\(owner) is proposed while \(sharer) runs, which knew its old store")
        }
    }

    /// A generation ends only because an engine of it fell, another took its store with it, a node of it was away for longer than
    /// the stable-view gate, an operator said so, or its plan changed.
    private mutating func checkEnd(
        _ record: GroupRecord, _ cause: EndCause, _ state: ReplicatedState,
        hosts: [SimulatedHost], at now: Instant
    ) {
        let planned = state.plan?.group(record.name)
        let launch = Launch(group: record.name, generation: record.generation)
        let hasFallen = fallen.contains(launch)
        let isJustified: Bool
        switch cause.kind {
        case .failure:
            isJustified =
                hasFallen || wasAway(record, at: now)
                // One that waited to be started is given up without a word to anybody.
                || cause.why.contains("isolation: stop-after")
        case .nodeLost:
            let index = cause.node.flatMap { indexOfNode[$0] } ?? 0
            // A load that took too long is put down to a node that is away just then.
            isJustified =
                hasFallen || wasAway(record, at: now)
                || disturbances.lasted(
                    ClusterSimulation.stableView - .seconds(2), of: index,
                    within: .seconds(5), at: now)
            if !hasFallen, serves(record, hosts: hosts, at: now) {
                broken("\(record.name) is ended for a lost node, though its engine could be asked")
            }
        case .byOperator:
            isJustified =
                everythingTouched || touched.contains(record.name)
                || maintenance.excuses(record.launched)
        case .dependency:
            let owner = cause.owner.map { state.record(of: $0) }
            isJustified =
                owner.map {
                    $0.phase != .running || $0.generation != record.storeGeneration
                } ?? false
        case .planChanged:
            // A router follows its workers, and every engine the place of the transfer store, which
            // is the node of rank 0 of the first prefill group; ranks move only while nothing runs.
            let hasMoved = planned?.ranks != record.launched?.ranks
            isJustified =
                filesHaveChanged || !hasMoved || planned?.role == .router
                || record.launched?.ranks.contains { rosters.departed.contains($0.node) } ?? false
                || maintenance.excuses(record.launched)
        }
        if !isJustified {
            broken(
                "\(record.name) of generation \(record.generation) is ended without a reason: "
                    + cause.why)
        }
    }

    /// Whether every rank of the generation has been up, and rank 0 in reach of the leader, for so long
    /// that it must have been asked.
    private func serves(
        _ record: GroupRecord, hosts: [SimulatedHost], at now: Instant
    ) -> Bool {
        let long = ClusterSimulation.stableView + ClusterSimulation.probeLimit
        let ranks = (record.launched?.ranks ?? []).compactMap { indexOfNode[$0.node] }
        guard let master = ranks.first, unreachable.isSteady(master, for: long, at: now),
            let leader = leaders[newestTerm].flatMap({ indexOfNode[$0] }),
            unreachable.isSteady(leader, for: long, at: now)
        else { return false }
        return ranks.enumerated().allSatisfy { rank, index in
            let shard = ShardID(
                group: record.name, generation: record.generation, rank: NodeRank(rank))
            return hosts[index].engines[shard].map { $0.loadedAt + long <= now } ?? false
        }
    }

    /// A rank that cannot be started while its node is away keeps the others from serving, and in
    /// the simulation the load limit is short.
    private func wasAway(_ record: GroupRecord, at now: Instant) -> Bool {
        (record.launched?.ranks ?? []).compactMap { indexOfNode[$0.node] }.contains {
            disturbances.lasted(
                ClusterSimulation.loadLimit - .seconds(8), of: $0,
                within: ClusterSimulation.loadLimit, at: now)
        }
    }

    // MARK: - Engines

    /// A shard is started once, by the node that holds its rank in the agreed launch, after every
    /// older generation that the node knew, and beside nothing else of its group.
    mutating func launched(
        _ shard: ShardID, _ spec: LaunchSpec?, on node: NodeID, beside running: [ShardID]
    ) {
        if let holder = holders[shard] {
            broken("\(shard) was launched twice: on \(holder) and on \(node)")
        }
        holders[shard] = node
        let launch = Launch(group: shard.group, generation: shard.generation)
        guard let ranks = launchedGroups[launch]?.ranks, shard.rank.value < ranks.count,
            ranks[shard.rank.value].node == node
        else {
            broken("\(node) starts \(shard), which nobody agreed it should hold")
            return
        }
        if let spec, spec.role.isEngine, let model = launchedModels[launch],
            !spec.argv.contains(model)
        {
            broken("\(node) starts \(shard) from another deployment than it was launched with")
        }
        if let older = running.first(where: { $0.group == shard.group }) {
            broken("\(node) starts \(shard) while it still runs \(older)")
        }
        let later = Launch(group: shard.group, generation: shard.generation.next)
        if waitedFor[later]?.contains(node) == true {
            broken("\(node) starts \(shard), and was there when a newer generation was proposed")
        }
        let known = newest[node]?[shard.group] ?? .none
        if shard.generation <= known {
            broken("\(node) starts \(shard) after generation \(known) of the group")
        }
        newest[node, default: [:]][shard.group] = shard.generation
    }

    /// Somebody has examined the nodes of a group whose last generation is that.
    mutating func foundClean(_ group: GroupName, after generation: Generation) {
        foundClean.insert(Launch(group: group, generation: generation.next))
    }

    /// A group with dies is launched only after its nodes were examined and nothing was found.
    mutating func launchedThroughGate(_ shard: ShardID) {
        let launch = Launch(group: shard.group, generation: shard.generation)
        if !foundClean.contains(launch) {
            broken("\(shard) is launched, and its nodes were not found clean before")
        }
    }

    /// No agent stops an engine before the end of its generation is agreed and known to it
    /// (fail-static).
    mutating func stopping(_ shard: ShardID, by machine: NodeMachine?) {
        stopsAsked.insert(shard)
        if shard.generation > endedUpTo[shard.group] ?? .none {
            broken("\(shard) is stopped, but nobody agreed on the end of its generation")
        }
        guard let machine, !machine.isFenced(shard) else { return }
        let record = machine.state.record(of: shard.group)
        if record.generation == shard.generation, record.phase == .running {
            broken("\(shard) is stopped by an agent that knows that it is wanted")
        }
        if record.generation < shard.generation {
            broken("\(shard) is stopped by an agent that knows nothing of its generation")
        }
    }

    mutating func hasContact(_ node: Int, at now: Instant) { contactAt[node] = now }

    /// Whether an agent stops this engine because it has had no contact with a majority for as long as
    /// its file says.
    mutating func givesUp(
        _ shard: ShardID, _ node: Int, isolation: Duration?, at now: Instant
    ) -> Bool {
        guard let isolation, now - contactAt[node] >= isolation else { return false }
        stopsAsked.insert(shard)
        return true
    }

    /// An agent acts only on what its own disk holds, or its next life would not know why.
    mutating func acts(
        _ node: NodeID, on shard: ShardID, isLaunch: Bool, disk: DurableState
    ) {
        let launch = Launch(group: shard.group, generation: shard.generation)
        guard let reason = isLaunch ? launchedAt[launch] : endedAt[launch],
            reason > disk.lastIndex
        else { return }
        broken(
            "\(node) \(isLaunch ? "starts" : "stops") \(shard) by entry \(reason), and its disk ends "
                + "at \(disk.lastIndex)")
    }

    /// No engine is stopped without an agent's word.
    mutating func stopped(_ shard: ShardID, on node: NodeID) {
        if !stopsAsked.contains(shard) {
            broken("\(shard) was stopped on \(node), and no agent had asked for it")
        }
    }

    /// An engine ended, or wedged, by itself.
    mutating func fell(_ shard: ShardID) {
        fallen.insert(Launch(group: shard.group, generation: shard.generation))
    }

    // MARK: - At the end

    /// A request is answered in time, if its agent lives; and nodes that have applied the same log
    /// hold the same state.
    mutating func checkEnd(_ simulation: ClusterSimulation) {
        let late = questions.filter { simulation.now - $0.value.askedAt > .seconds(15) }
        if let id = late.keys.min() {
            broken("request \(id.value) of \(late[id]?.node.name ?? "") is not answered")
        }
        var states: [LogIndex: ReplicatedState] = [:]
        for machine in simulation.machines.compactMap({ $0 }) {
            if let known = states[machine.appliedIndex], known != machine.state {
                broken("two nodes hold different states at index \(machine.appliedIndex)")
            }
            states[machine.appliedIndex] = machine.state
        }
    }
}

extension LogEntry {
    /// What the entry's command does; nil for a leader's first entry.
    var action: Command.Action? {
        guard case .command(let bytes) = payload, let value = try? CBORValue(decoding: bytes)
        else { return nil }
        return try? Command(cbor: value).action
    }
}
