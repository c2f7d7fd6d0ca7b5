// The replicated state and its commands: what log entries and snapshots hold.

import Base
public import CBOR
public import ClusterState
import Diagnosis
import Planning
public import Supervision

extension Command: WireCodable {
    public var cbor: CBORValue { .array([action.cbor, CBORValue(time)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "command")
        let action = try record.value(as: Action.self)
        self.init(action, at: try record.wallTime())
    }
}

extension Command.Action: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .deploy(let deployment): .choice(1, deployment.cbor)
        case .plan(let plan): .choice(2, plan.cbor)
        case .launch(let group, let generation, let why, let stoppedAt):
            .array(
                [.unsigned(3), group.cbor, .unsigned(generation.value), .text(why)]
                    + [stoppedAt.map { CBORValue($0) }].compactMap { $0 })
        case .end(let group, let generation, let cause, let isTerminal, let failedAt):
            .array(
                [
                    .unsigned(4), .text(group.name), .unsigned(generation.value), cause.cbor,
                    .bool(isTerminal),
                ] + [failedAt.map { CBORValue($0) }].compactMap { $0 })
        case .settle(let group, let generation):
            .choice(5, .text(group.name), .unsigned(generation.value))
        case .stop(let group): .choice(6, CBORValue(group?.name))
        case .start(let group): .choice(7, CBORValue(group?.name))
        case .restart(let group): .choice(8, .text(group.name))
        case .elected(let node, let term): .choice(9, CBORValue(node), .unsigned(term))
        case .joined(let nodes): .choice(10, .list(nodes.map(\.name)))
        case .lost(let nodes): .choice(11, .list(nodes.map(\.name)))
        case .serves(let group, let generation, nil):
            .choice(12, .text(group.name), .unsigned(generation.value))
        case .serves(let group, let generation, let note?):
            .choice(12, .text(group.name), .unsigned(generation.value), .text(note))
        case .amend(let group, let generation, let diagnosis):
            .choice(13, .text(group.name), .unsigned(generation.value), diagnosis.cbor)
        case .enrol(let nodes): .choice(14, .list(nodes))
        case .admit(let node): .choice(15, node.cbor)
        case .dismiss(let node): .choice(16, CBORValue(node))
        case .seat(let node, let mayVote): .choice(17, CBORValue(node), .bool(mayVote))
        case .recoverAlone(let node): .choice(18, node.cbor)
        case .cordon(let node, let kind): .choice(20, CBORValue(node), .text(kind.rawValue))
        case .uncordon(let node): .choice(21, CBORValue(node))
        case .apply(let deployment, let atOnce): .choice(22, deployment.cbor, .bool(atOnce))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "action")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .deploy(try record.value(as: Deployment.self))
        case 2: self = .plan(try record.value(as: Plan.self))
        case 3:
            let group = try record.value(as: PlannedGroup.self)
            self = .launch(
                group, try record.generation(), why: try record.text(),
                stoppedAt: record.isAtEnd ? nil : try record.wallTime())
        case 4:
            self = .end(
                try record.group(), try record.generation(), try record.value(as: EndCause.self),
                isTerminal: try record.bool(),
                failedAt: record.isAtEnd ? nil : try record.wallTime())
        case 5: self = .settle(try record.group(), try record.generation())
        case 6: self = .stop(try record.optional(as: String.self).map { GroupName($0) })
        case 7: self = .start(try record.optional(as: String.self).map { GroupName($0) })
        case 8: self = .restart(try record.group())
        case 9: self = .elected(try record.node(), term: try record.counter())
        case 10: self = .joined(try record.texts().map { NodeID($0) })
        case 11: self = .lost(try record.texts().map { NodeID($0) })
        case 12:
            self = .serves(
                try record.group(), try record.generation(),
                note: record.isAtEnd ? nil : try record.text())
        case 13:
            self = .amend(
                try record.group(), try record.generation(),
                try record.value(as: FailureDiagnosis.self))
        case 14: self = .enrol(try record.list(of: ConfiguredNode.self))
        case 15: self = .admit(try record.value(as: ConfiguredNode.self))
        case 16: self = .dismiss(try record.node())
        case 17: self = .seat(try record.node(), mayVote: try record.bool())
        case 18: self = .recoverAlone(try record.value(as: ConfiguredNode.self))
        case 20: self = .cordon(try record.node(), try record.word(as: Cordon.Kind.self))
        case 21: self = .uncordon(try record.node())
        case 22:
            self = .apply(try record.value(as: Deployment.self), atOnce: try record.bool())
        default: throw record.unknownChoice(choice, of: "action")
        }
    }
}

extension EndCause: WireCodable {
    /// An older agent, which knows of no dependencies, takes one for a plan that has changed: what a group
    /// was launched with is not there any more.
    public var cbor: CBORValue {
        let word = kind == .dependency ? Kind.planChanged : kind
        let more: CBORValue? = owner.map { .text($0.name) } ?? diagnosis?.cbor
        return .array(
            [
                .text(word.rawValue), .text(why), CBORValue(node?.name),
                rank.map { .unsigned(UInt64($0.value)) } ?? .null, .list(logTail),
            ] + [more].compactMap { $0 })
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "end cause")
        let kind = try record.word(as: Kind.self)
        let why = try record.text()
        let node = try record.optional(as: String.self).map { NodeID($0) }
        var rank: NodeRank?
        if let item = try record.optional() {
            var single = try CBORRecord(.array([item]), "node rank")
            rank = try single.rank()
        }
        let logTail = try record.texts()
        let more = record.isAtEnd ? nil : try record.next()
        if case .text(let owner) = more {
            self.init(endOf: GroupName(owner), why: why)
        } else {
            let diagnosis = try more.map { item throws(CBORError) in
                try FailureDiagnosis(cbor: item)
            }
            self.init(
                kind, why: why, node: node, rank: rank, logTail: logTail, diagnosis: diagnosis)
        }
    }
}

extension GroupPhase: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .idle: .choice(1)
        case .running: .choice(2)
        case .ended(let cause): .choice(3, cause.cbor)
        case .failed(let cause): .choice(4, cause.cbor)
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "group phase")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .idle
        case 2: self = .running
        case 3: self = .ended(try record.value(as: EndCause.self))
        case 4: self = .failed(try record.value(as: EndCause.self))
        default: throw record.unknownChoice(choice, of: "group phase")
        }
    }
}

extension GroupRecord: WireCodable {
    public var cbor: CBORValue {
        .array(
            [
                .text(name.name), .unsigned(generation.value), phase.cbor, CBORValue(launched),
                .unsigned(launchedSerial), .unsigned(UInt64(failures)),
                .unsigned(UInt64(restarts)), .bool(isStoppedByOperator),
            ] + [history].compactMap { $0 })
    }

    /// nil where there is none.
    private var history: CBORValue? {
        guard
            launchedAt != nil || servesSince != nil || lastFailure != nil || storeGeneration != nil
        else { return nil }
        return .array(
            [
                launchedAt.map { CBORValue($0) } ?? .null,
                servesSince.map { CBORValue($0) } ?? .null, CBORValue(lastFailure),
            ] + [storeGeneration.map { .unsigned($0.value) }].compactMap { $0 })
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "group record")
        self.init(name: try record.group())
        generation = try record.generation()
        phase = try record.value(as: GroupPhase.self)
        launched = try record.optional(as: PlannedGroup.self)
        launchedSerial = try record.counter()
        failures = try record.unsigned(as: Int.self)
        restarts = try record.unsigned(as: Int.self)
        isStoppedByOperator = try record.bool()
        guard !record.isAtEnd else { return }
        var history = try CBORRecord(try record.next(), "group history")
        launchedAt = try history.optionalWallTime()
        servesSince = try history.optionalWallTime()
        lastFailure = try history.optional(as: GroupFailure.self)
        if !history.isAtEnd { storeGeneration = try history.generation() }
    }
}

extension GroupFailure: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(generation.value), cause.cbor, CBORValue(time)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "group failure")
        self.init(
            generation: try record.generation(), cause: try record.value(as: EndCause.self),
            time: try record.wallTime())
    }
}

extension LedgerEvent: WireCodable {
    public var cbor: CBORValue {
        .array([
            .unsigned(sequence), CBORValue(time), .text(kind.rawValue), CBORValue(node?.name),
            CBORValue(group?.name), generation.map { .unsigned($0.value) } ?? .null, .text(text),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "ledger event")
        let sequence = try record.counter()
        let time = try record.wallTime()
        let kind = try record.word(as: Kind.self)
        let node = try record.optional(as: String.self).map { NodeID($0) }
        let group = try record.optional(as: String.self).map { GroupName($0) }
        var generation: Generation?
        if let item = try record.optional() {
            var single = try CBORRecord(.array([item]), "generation")
            generation = try single.generation()
        }
        self.init(
            sequence: sequence, time: time, kind: kind, node: node, group: group,
            generation: generation, text: try record.text())
    }
}

extension ReplicatedState: WireCodable {
    public var cbor: CBORValue {
        .array(
            [
                CBORValue(deployment), .unsigned(deploymentSerial), .bool(isWanted),
                CBORValue(plan), .unsigned(epoch.value), .list(groups), .list(ledger),
                .unsigned(nextSequence),
            ] + addedLater)
    }

    /// Left out from the end on, as long as there is nothing to say.
    private var addedLater: [CBORValue] {
        if roster.isAgreed {
            return [
                sightings, restartLedger.cbor, .list(cordons), rollout.cbor, roster.cbor,
            ]
        }
        if rollout != Rollout() {
            return [sightings, restartLedger.cbor, .list(cordons), rollout.cbor]
        }
        if !cordons.isEmpty { return [sightings, restartLedger.cbor, .list(cordons)] }
        if restartLedger != RestartLedger() { return [sightings, restartLedger.cbor] }
        return electedTerm > 0 || !present.isEmpty ? [sightings] : []
    }

    private var sightings: CBORValue {
        .array([.unsigned(electedTerm), .list(present.map(\.name))])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "replicated state")
        let deployment = try record.optional(as: Deployment.self)
        let deploymentSerial = try record.counter()
        let isWanted = try record.bool()
        let plan = try record.optional(as: Plan.self)
        let epoch = Epoch(try record.counter())
        let groups = try record.list(of: GroupRecord.self)
        let ledger = try record.list(of: LedgerEvent.self)
        let nextSequence = try record.counter()
        var electedTerm: UInt64 = 0
        var present: [NodeID] = []
        if !record.isAtEnd {
            var sightings = try CBORRecord(try record.next(), "sightings")
            electedTerm = try sightings.counter()
            present = try sightings.texts().map { NodeID($0) }
        }
        let restartLedger =
            record.isAtEnd ? RestartLedger() : try record.value(as: RestartLedger.self)
        let cordons = record.isAtEnd ? [] : try record.list(of: Cordon.self)
        let rollout = record.isAtEnd ? Rollout() : try record.value(as: Rollout.self)
        let roster = record.isAtEnd ? Roster() : try record.value(as: Roster.self)
        self.init(
            deployment: deployment, deploymentSerial: deploymentSerial, isWanted: isWanted,
            plan: plan, epoch: epoch, groups: groups, ledger: ledger, nextSequence: nextSequence,
            electedTerm: electedTerm, present: present, restartLedger: restartLedger,
            cordons: cordons, rollout: rollout, roster: roster)
    }
}
