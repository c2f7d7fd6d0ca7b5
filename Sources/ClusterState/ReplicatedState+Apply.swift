// How a committed command changes the state. A command that does not fit changes nothing and says
// why; that is no error, since the leader may have decided on what another command has changed.

import Base
import Diagnosis
import Planning
import Supervision
import YAML

extension ReplicatedState {
    /// Applies a committed command.
    /// - Returns: nil where it took effect; otherwise why it changed nothing.
    @discardableResult
    public mutating func apply(_ command: Command) -> String? {
        switch command.action {
        case .deploy(let deployment):
            return deploy(command, deployment, isOrdered: false, atOnce: false)
        case .apply(let deployment, let atOnce):
            return deploy(command, deployment, isOrdered: true, atOnce: atOnce)
        case .plan(let plan):
            guard plan.epoch == epoch.next else {
                return "plan of epoch \(plan.epoch) after epoch \(epoch)"
            }
            if let stranger = plan.groups.lazy.compactMap(roster.stranger).first {
                return "\(stranger) is no node of the cluster any more"
            }
            if let refusal = newRankOnCordoned(in: plan) { return refusal }
            epoch = plan.epoch
            self.plan = plan
            note(command, .planned, text: "plan of epoch \(epoch): \(summary(of: plan))")
            return nil
        case .launch(let group, let generation, let why, let stoppedAt):
            return launch(command, group, generation, why: why, stoppedAt: stoppedAt)
        case .end(let group, let generation, let cause, let isTerminal, let failedAt):
            return end(
                command, group, generation, cause, isTerminal: isTerminal, failedAt: failedAt)
        case .settle(let group, let generation):
            return settle(command, group, generation)
        case .stop(let group): return setWanted(command, group, false)
        case .start(let group): return setWanted(command, group, true)
        case .restart(let group): return restart(command, group)
        case .elected(let node, let term): return elected(command, node, term: term)
        case .joined(let nodes): return joined(command, nodes)
        case .lost(let nodes): return lost(command, nodes)
        case .serves(let group, let generation, let note):
            return serves(command, group, generation, note)
        case .amend(let group, let generation, let diagnosis):
            return amend(command, group, generation, diagnosis)
        case .enrol(let nodes): return enrol(nodes)
        case .admit(let node): return admit(command, node)
        case .dismiss(let node): return dismiss(command, node)
        case .seat(let node, let mayVote): return seat(command, node, mayVote: mayVote)
        case .recoverAlone(let node): return recoverAlone(command, node)
        case .cordon(let node, let kind): return cordon(command, node, kind)
        case .uncordon(let node): return uncordon(command, node)
        }
    }

    /// What was given up may go with a new deployment, or when its operator has put it right.
    mutating func reviveFailed() {
        for index in groups.indices { groups[index].revive() }
    }

    private func summary(of plan: Plan) -> String {
        plan.groups
            .map { "\($0.name) on \($0.ranks.map(\.node.name).joined(separator: "+"))" }
            .joined(separator: ", ")
    }

    // MARK: - Groups

    private mutating func launch(
        _ command: Command, _ group: PlannedGroup, _ generation: Generation, why: String,
        stoppedAt: WallTime?
    ) -> String? {
        guard plan?.group(group.name) == group else {
            return "\(group.name) stands otherwise in the plan of epoch \(epoch)"
        }
        if let stranger = roster.stranger(in: group) {
            return "\(stranger) is no node of the cluster any more"
        }
        let serial = deploymentSerial
        let owner = group.store == nil ? nil : plan?.storeOwner
        let store = owner.map { $0 == group.name ? generation : record(of: $0).generation }
        let refusal = change(group.name) { record in
            guard generation == record.generation.next else {
                return "generation \(generation) after generation \(record.generation)"
            }
            switch record.phase {
            case .idle: break
            case .ended(let cause): record.restarts += cause.kind == .byOperator ? 0 : 1
            case .running: return "\(group.name) runs already"
            case .failed: return "\(group.name) has failed for good; an operator must restart it"
            }
            record.generation = generation
            record.phase = .running
            record.launched = group
            record.launchedSerial = serial
            record.launchedAt = command.time
            record.storeGeneration = store
            record.servesSince = nil
            return nil
        }
        guard refusal == nil else { return refusal }
        forgetDeployments()
        restartLedger.launched(
            group.name, generation, epoch: epoch, stoppedAt: stoppedAt, at: command.time)
        note(command, .launched, group: group.name, generation: generation, text: why)
        return nil
    }

    private mutating func end(
        _ command: Command, _ group: GroupName, _ generation: Generation, _ cause: EndCause,
        isTerminal: Bool, failedAt: WallTime?
    ) -> String? {
        let refusal = change(group) { record in
            guard record.generation == generation, record.phase == .running else {
                return "generation \(generation) of \(group) does not run"
            }
            record.failures += cause.isFailure ? 1 : 0
            switch cause.kind {
            case .failure, .nodeLost:
                record.lastFailure = GroupFailure(
                    generation: generation, cause: cause, time: command.time)
            case .planChanged, .byOperator, .dependency: break
            }
            record.phase = isTerminal ? .failed(cause) : .ended(cause)
            return nil
        }
        guard refusal == nil else { return refusal }
        noteEnd(command, of: group, generation, cause, failedAt: failedAt)
        note(
            command, isTerminal ? .failed : .ended, node: cause.node, group: group,
            generation: generation,
            text: cause.told + (cause.lastWords.isEmpty ? "" : "; \(cause.lastWords)"))
        return nil
    }

    /// Its reason is told with the verdict, wherever the reason is told.
    private mutating func amend(
        _ command: Command, _ group: GroupName, _ generation: Generation,
        _ diagnosis: FailureDiagnosis
    ) -> String? {
        let refusal = change(group) { record in
            guard let failure = record.lastFailure, failure.generation == generation,
                record.generation == generation
            else { return "generation \(generation) of \(group) is not the last that failed" }
            guard failure.cause.diagnosis != diagnosis else { return "this is known" }
            record.lastFailure?.cause.diagnosis = diagnosis
            return nil
        }
        guard refusal == nil else { return refusal }
        restartLedger.diagnosed(group, generation, diagnosis)
        note(
            command, .diagnosed, node: diagnosis.node, group: group, generation: generation,
            text: diagnosis.summary.isEmpty ? "\(diagnosis.place) ended first" : diagnosis.summary)
        return nil
    }

    /// Opens the record of a restart.
    private mutating func noteEnd(
        _ command: Command, of group: GroupName, _ generation: Generation, _ cause: EndCause,
        failedAt: WallTime?
    ) {
        // A changed profile is always an order; a plan changes by itself, too.
        let isOrdered =
            cause.kind == .byOperator
            || (cause.kind == .planChanged
                && (record(of: group).launchedSerial != deploymentSerial
                    || drainedRank(of: record(of: group).launched) != nil))
        restartLedger.ended(
            RestartRecord(
                group: group, ended: generation, epoch: epoch, cause: cause,
                isOrdered: isOrdered, leader: restartLedger.leader, failedAt: failedAt,
                detectedAt: command.time))
    }

    /// What the restart took that ends with this generation serving.
    private func restartText(of group: GroupName, _ generation: Generation) -> String {
        guard let record = restartLedger.record(of: group, launched: generation) else { return "" }
        let times = record.timesText
        return "; restart of generation \(record.ended) (\(record.kind.rawValue))"
            + (times.isEmpty ? "" : ": \(times)")
    }

    private mutating func settle(
        _ command: Command, _ group: GroupName, _ generation: Generation
    ) -> String? {
        let refusal = change(group) { record in
            guard record.generation == generation, record.phase == .running else {
                return "generation \(generation) of \(group) does not run"
            }
            record.failures = 0
            return nil
        }
        guard refusal == nil else { return refusal }
        note(
            command, .settled, group: group, generation: generation,
            text: "\(group) serves steadily; its failures are forgiven")
        return nil
    }

    private mutating func serves(
        _ command: Command, _ group: GroupName, _ generation: Generation, _ remark: String?
    ) -> String? {
        var launchedAt: WallTime?
        let refusal = change(group) { record in
            guard record.generation == generation, record.phase == .running else {
                return "generation \(generation) of \(group) does not run"
            }
            guard record.servesSince == nil else {
                return "generation \(generation) of \(group) is known to serve"
            }
            record.servesSince = command.time
            launchedAt = record.launchedAt
            return nil
        }
        guard refusal == nil else { return refusal }
        restartLedger.serves(group, generation, at: command.time)
        let took = RestartRecord.time(from: launchedAt, to: command.time)?.secondsText
        note(
            command, .ready, group: group, generation: generation,
            text: "\(group) serves" + (took.map { ", \($0) after its launch" } ?? "")
                + restartText(of: group, generation) + (remark.map { "; \($0)" } ?? ""))
        return nil
    }

    // MARK: - Nodes

    private mutating func elected(_ command: Command, _ node: NodeID, term: UInt64) -> String? {
        guard term > electedTerm else {
            return "the leader of term \(electedTerm) is known, and this is of term \(term)"
        }
        electedTerm = term
        restartLedger.leader = node
        note(command, .elected, node: node, text: "\(node) leads in term \(term)")
        return nil
    }

    private mutating func joined(_ command: Command, _ nodes: [NodeID]) -> String? {
        let new = Set(nodes).subtracting(present).sorted()
        guard !new.isEmpty else { return "these nodes are known to be there" }
        present = (present + new).sorted()
        noteNodes(command, .joined, new, text: "in contact with")
        return nil
    }

    private mutating func lost(_ command: Command, _ nodes: [NodeID]) -> String? {
        let gone = Set(present).intersection(nodes)
        guard !gone.isEmpty else { return "these nodes are known to be gone" }
        present.removeAll { gone.contains($0) }
        noteNodes(command, .lost, gone.sorted(), text: "no contact with")
        return nil
    }

    private mutating func noteNodes(
        _ command: Command, _ kind: LedgerEvent.Kind, _ nodes: [NodeID], text: String
    ) {
        let names = nodes.map(\.name).joined(separator: ", ")
        note(
            command, kind, node: nodes.count == 1 ? nodes[0] : nil,
            text: "\(text) the agent\(nodes.count == 1 ? "" : "s") of \(names)")
    }

    // MARK: - The operator

    private mutating func setWanted(
        _ command: Command, _ group: GroupName?, _ isWanted: Bool
    ) -> String? {
        let kind = isWanted ? LedgerEvent.Kind.started : .stopped
        guard let group else {
            // A start of everything also takes back the stops of single groups.
            self.isWanted = isWanted
            if isWanted {
                for index in groups.indices { groups[index].isStoppedByOperator = false }
                reviveFailed()
            }
            note(command, kind, text: "the operator \(kind.rawValue) the deployment")
            return nil
        }
        guard plan?.group(group) != nil else { return unknown(group) }
        _ = change(group) { record in
            record.isStoppedByOperator = !isWanted
            if isWanted { record.revive() }
            return nil
        }
        note(command, kind, group: group, text: "the operator \(kind.rawValue) \(group)")
        return nil
    }

    private mutating func restart(_ command: Command, _ group: GroupName) -> String? {
        guard plan?.group(group) != nil else { return unknown(group) }
        let cause = EndCause(.byOperator, why: "restarted by the operator")
        let before = record(of: group)
        if before.phase == .running {
            noteEnd(command, of: group, before.generation, cause, failedAt: nil)
        }
        _ = change(group) { record in
            record.failures = 0
            record.isStoppedByOperator = false
            if record.phase != .idle {
                record.phase = .ended(cause)
            }
            return nil
        }
        note(command, .restarted, group: group, text: "the operator restarted \(group)")
        return nil
    }

    private func unknown(_ group: GroupName) -> String {
        YAML.unknown("group", group.name, known: (plan?.groups ?? []).map(\.name.name))
    }

    // MARK: - Records

    /// Changes a record in place, keeping the records sorted by name. A refusal leaves it as it was.
    private mutating func change(
        _ group: GroupName, _ body: (inout GroupRecord) -> String?
    ) -> String? {
        var record = record(of: group)
        if let refusal = body(&record) { return refusal }
        if let index = groups.firstIndex(where: { $0.name >= group }) {
            if groups[index].name == group {
                groups[index] = record
            } else {
                groups.insert(record, at: index)
            }
        } else {
            groups.append(record)
        }
        return nil
    }

    mutating func note(
        _ command: Command, _ kind: LedgerEvent.Kind, node: NodeID? = nil,
        group: GroupName? = nil, generation: Generation? = nil, text: String
    ) {
        ledger.append(
            LedgerEvent(
                sequence: nextSequence, time: command.time, kind: kind, node: node, group: group,
                generation: generation, text: text))
        nextSequence += 1
        if kind.isChatter, ledger.count(where: { $0.kind == kind }) > Self.chatterLimit,
            let oldest = ledger.firstIndex(where: { $0.kind == kind })
        {
            ledger.remove(at: oldest)
        }
        if ledger.count > Self.ledgerLimit { ledger.removeFirst(ledger.count - Self.ledgerLimit) }
    }
}

extension GroupRecord {
    /// Begins to count its failures anew; if it was given up, it is launched again.
    fileprivate mutating func revive() {
        failures = 0
        if case .failed(let cause) = phase { phase = .ended(cause) }
    }
}
