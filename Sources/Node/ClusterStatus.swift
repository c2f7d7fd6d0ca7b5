// What `glm-agent status` tells: one flat value with everything an operator asks first. Its JSON form
// is a published interface, specified in Protocols/status.schema.json.

public import Ascend
public import Base
public import ClusterState
public import Diagnosis
public import Doctor

/// The cluster as one node knows it.
public struct ClusterStatus: Hashable, Sendable {
    /// The node that answers.
    public var node: String
    public var cluster: String
    public var version: String
    public var term: UInt64
    /// The leader's node, where one is known.
    public var leader: String?
    public var quorum: Quorum
    /// Seconds since the leader confirmed what is shown of other nodes; nil where it never has.
    public var ageSeconds: Double?
    public var epoch: UInt64
    public var profile: String?
    /// What the operator wants: `running` or `stopped`.
    public var wanted: String
    public var members: [Member]
    public var groups: [Group]
    public var router: Router?
    /// True when everything that the profile wants serves, and a request can be answered.
    public var ready: Bool
    /// A request is answered, as far as is known, whatever else is not as it should be; nil where nobody can
    /// tell.
    public var serving: Bool?
    /// Why it is not ready, most important first.
    public var reasons: [String]
    /// What an operator should know though it keeps nothing from serving.
    public var notes: [String]
    /// While groups still run a deployment that is not wanted any more.
    public var rollout: Rollout?

    /// How far a changed deployment has come.
    public struct Rollout: Hashable, Sendable {
        public var profile: String
        /// The groups that still run one before it, in the plan's order.
        public var pending: [String]
        /// What the next of them waits for; nil where nothing.
        public var waits: String?
        /// It does not go on by itself.
        public var isHalted: Bool
        public init(profile: String, pending: [String], waits: String?, isHalted: Bool) {
            self.profile = profile
            self.pending = pending
            self.waits = waits
            self.isHalted = isHalted
        }
    }

    public struct Quorum: Hashable, Sendable {
        public var have: Int
        public var need: Int
        /// How many there are, and which of them are not here, as far as the answering node knows.
        public var voters: Int
        public var missing: [String]
        public var ok: Bool
        public init(have: Int, need: Int, voters: Int, missing: [String] = [], ok: Bool) {
            self.have = have
            self.need = need
            self.voters = voters
            self.missing = missing
            self.ok = ok
        }
    }

    public struct Member: Hashable, Sendable {
        public var node: String
        public var address: String
        public var state: String
        public var since: WallTime
        /// `voter`, `learner`, `joining` (added, and not reached yet), `leaving` (removed, and not gone yet).
        public var role: String
        /// How its file differs from what is agreed about the nodes, in a sentence; nil where it does not.
        public var fileDifferences: String?
        /// What it told of itself last, by gossip: no leader is needed. nil before it has.
        public var inventory: InventoryDigest?
        /// `cordoned`, `draining` or `drained`, where an operator keeps it out.
        public var cordon: String?
        public init(
            node: String, address: String, state: String, since: WallTime,
            role: String = "voter", fileDifferences: String? = nil,
            inventory: InventoryDigest? = nil, cordon: String? = nil
        ) {
            self.cordon = cordon
            self.node = node
            self.address = address
            self.state = state
            self.since = since
            self.role = role
            self.fileDifferences = fileDifferences
            self.inventory = inventory
        }
    }

    public struct Group: Hashable, Sendable {
        public var name: String
        public var role: String
        public var generation: UInt64
        /// `waiting`, `starting`, `ready`, `degraded`, `stopping`, `backoff`, `failed`, `stopped`.
        public var state: String
        public var why: String
        public var master: String?
        public var url: String
        public var bootstrapPort: UInt16?
        /// Launches that followed a failure, a lost node or a changed plan.
        public var restarts: Int
        public var lastFailure: Failure?
        /// What the launch gate found on its nodes, what blocks first.
        public var gate: [GateFinding]
        public var ranks: [Rank]
        /// How long its restarts took; nil before the first.
        public var restartCost: RestartCost?
        public var standing = Standing()
        public init(
            name: String, role: String, generation: UInt64, state: String, why: String,
            master: String?, url: String, bootstrapPort: UInt16?, restarts: Int,
            lastFailure: Failure?, gate: [GateFinding] = [], ranks: [Rank]
        ) {
            self.name = name
            self.role = role
            self.generation = generation
            self.state = state
            self.why = why
            self.master = master
            self.url = url
            self.bootstrapPort = bootstrapPort
            self.restarts = restarts
            self.lastFailure = lastFailure
            self.gate = gate
            self.ranks = ranks
        }
    }

    /// What the ledger of restarts has of a group.
    public struct RestartCost: Hashable, Sendable {
        public var tally: RepairTally
        public var last: RestartRecord?
        public init(tally: RepairTally, last: RestartRecord?) {
            self.tally = tally
            self.last = last
        }
    }

    /// How a generation ended that was not meant to end.
    public struct Failure: Hashable, Sendable {
        public var generation: UInt64
        public var time: WallTime
        /// `failure` or `nodeLost`.
        public var kind: String
        public var why: String
        public var node: String?
        public var rank: Int?
        public var logTail: [String]
        /// What the logs of all ranks say of it.
        public var diagnosis: FailureDiagnosis?
        public init(
            generation: UInt64, time: WallTime, kind: String, why: String, node: String?,
            rank: Int?, logTail: [String], diagnosis: FailureDiagnosis? = nil
        ) {
            self.generation = generation
            self.time = time
            self.kind = kind
            self.why = why
            self.node = node
            self.rank = rank
            self.logTail = logTail
            self.diagnosis = diagnosis
        }
    }

    public struct Rank: Hashable, Sendable {
        public var rank: Int
        public var node: String
        public var state: String
        public var pid: Int32?
        public var restarts: Int
        public var since: WallTime?
        public var why: String
        /// While it loads, as its log tells.
        public var progress: LoadingProgress?
        public init(
            rank: Int, node: String, state: String, pid: Int32?, restarts: Int, since: WallTime?,
            why: String, progress: LoadingProgress? = nil
        ) {
            self.rank = rank
            self.node = node
            self.state = state
            self.pid = pid
            self.restarts = restarts
            self.since = since
            self.why = why
            self.progress = progress
        }
    }

    public struct Router: Hashable, Sendable {
        public var node: String
        public var url: String
        public var state: String
        public var generation: UInt64
        public var pid: Int32?
        public var restarts: Int
        public var since: WallTime?
        public var why: String
        public var lastFailure: Failure?
        public var restartCost: RestartCost?
        public var standing = Standing()
        public init(
            node: String, url: String, state: String, generation: UInt64, pid: Int32?,
            restarts: Int, since: WallTime?, why: String, lastFailure: Failure?
        ) {
            self.node = node
            self.url = url
            self.state = state
            self.generation = generation
            self.pid = pid
            self.restarts = restarts
            self.since = since
            self.why = why
            self.lastFailure = lastFailure
        }
    }

    public init(
        node: String, cluster: String, version: String, term: UInt64, leader: String?,
        quorum: Quorum, ageSeconds: Double?, epoch: UInt64, profile: String?, wanted: String,
        members: [Member], groups: [Group], router: Router?, ready: Bool, reasons: [String],
        notes: [String] = []
    ) {
        self.node = node
        self.cluster = cluster
        self.version = version
        self.term = term
        self.leader = leader
        self.quorum = quorum
        self.ageSeconds = ageSeconds
        self.epoch = epoch
        self.profile = profile
        self.wanted = wanted
        self.members = members
        self.groups = groups
        self.router = router
        self.ready = ready
        self.reasons = reasons
        self.notes = notes
    }
}

// MARK: - JSON

extension ClusterStatus {
    /// The published form, `glm-agent status --json`.
    public var json: JSONValue {
        [
            "node": .string(node), "cluster": .string(cluster), "version": .string(version),
            "term": .integer(Int64(term)), "leader": JSONValue(leader),
            "quorum": [
                "have": .integer(Int64(quorum.have)), "need": .integer(Int64(quorum.need)),
                "voters": .integer(Int64(quorum.voters)),
                "missing": .array(quorum.missing.map { .string($0) }), "ok": .bool(quorum.ok),
            ],
            "age_seconds": ageSeconds.map { .number($0) } ?? .null,
            "epoch": .integer(Int64(epoch)), "profile": JSONValue(profile),
            "wanted": .string(wanted),
            "members": .array(members.map(\.json)), "groups": .array(groups.map(\.json)),
            "router": router?.json ?? .null, "ready": .bool(ready),
            "serving": JSONValue(serving),
            "reasons": .array(reasons.map { .string($0) }),
            "notes": .array(notes.map { .string($0) }), "rollout": rollout?.json ?? .null,
        ]
    }
}

extension ClusterStatus.Rollout {
    var json: JSONValue {
        [
            "profile": .string(profile), "pending": .array(pending.map { .string($0) }),
            "waits_for": JSONValue(waits), "is_halted": .bool(isHalted),
        ]
    }
}

extension ClusterStatus.Member {
    var json: JSONValue {
        [
            "node": .string(node), "address": .string(address), "state": .string(state),
            "since": .string(since.description), "role": .string(role),
            "file_differences": JSONValue(fileDifferences), "cordon": JSONValue(cordon),
            "inventory": inventory?.json ?? .null,
        ]
    }
}

extension ClusterStatus.Group {
    var json: JSONValue {
        [
            "name": .string(name), "role": .string(role),
            "generation": .integer(Int64(generation)), "state": .string(state),
            "why": .string(why), "serving": JSONValue(standing.serving),
            "age_seconds": standing.age, "stale": .bool(standing.isStale),
            "next_launch": JSONValue(standing.nextLaunch?.description),
            "dist_init_master": JSONValue(master), "url": .string(url),
            "bootstrap_port": JSONValue(bootstrapPort.map { Int($0) }),
            "restarts": .integer(Int64(restarts)), "last_failure": lastFailure?.json ?? .null,
            "gate": .array(gate.map(\.json)),
            "repairs": restartCost?.tally.json ?? .null,
            "last_restart": restartCost?.last?.json ?? .null,
            "ranks": .array(ranks.map(\.json)),
        ]
    }
}

extension ClusterStatus.Failure {
    /// The published form.
    public var json: JSONValue {
        [
            "generation": .integer(Int64(generation)), "time": .string(time.description),
            "kind": .string(kind), "why": .string(why), "node": JSONValue(node),
            "rank": JSONValue(rank), "log_tail": .array(logTail.map { .string($0) }),
            "diagnosis": diagnosis?.json ?? .null,
        ]
    }
}

extension FailureDiagnosis {
    /// The published form, with what the kind means and what to do about it.
    var json: JSONValue {
        let known = FailureKind.named(kind)
        return [
            "kind": .string(kind), "title": .string(known.title),
            "role": .string(known.role.rawValue),
            "rank": JSONValue(rank.value), "node": .string(node.name),
            "world_rank": JSONValue(worldRank), "die": JSONValue(die),
            "line": .string(line), "time": .string(wallTime.description),
            "margin_ms": .integer(marginMilliseconds), "said_by_rank": JSONValue(accuser?.value),
            "rivals": .array(rivals.map { JSONValue($0.value) }),
            "meaning": .string(known.meaning), "remedy": .string(known.remedy),
            "summary": .string(summary.isEmpty ? "\(place): \(known.title)" : summary),
            "others": .array(echoes.map(\.json)),
        ]
    }

    private var wallTime: WallTime { WallTime(millisecondsSinceEpoch: time.middle / 1000) }
}

extension FailureDiagnosis.Echo {
    var json: JSONValue {
        let known = FailureKind.named(kind)
        return [
            "rank": JSONValue(rank.value), "node": .string(node.name), "kind": .string(kind),
            "title": .string(known.title), "role": .string(known.role.rawValue),
            "line": .string(line), "after_ms": .integer(milliseconds),
        ]
    }
}

extension ClusterStatus.Rank {
    var json: JSONValue {
        [
            "rank": .integer(Int64(rank)), "node": .string(node), "state": .string(state),
            "pid": JSONValue(pid.map { Int($0) }), "restarts": .integer(Int64(restarts)),
            "since": JSONValue(since?.description), "why": .string(why),
            "progress": progress?.json ?? .null,
        ]
    }
}

extension LoadingProgress {
    var json: JSONValue {
        ["phase": .string(phase.rawValue), "fraction": fraction.map { .number($0) } ?? .null]
    }
}

extension ClusterStatus.Router {
    var json: JSONValue {
        [
            "node": .string(node), "url": .string(url), "state": .string(state),
            "generation": .integer(Int64(generation)), "pid": JSONValue(pid.map { Int($0) }),
            "restarts": .integer(Int64(restarts)), "since": JSONValue(since?.description),
            "why": .string(why), "serving": JSONValue(standing.serving),
            "age_seconds": standing.age, "stale": .bool(standing.isStale),
            "next_launch": JSONValue(standing.nextLaunch?.description),
            "last_failure": lastFailure?.json ?? .null,
            "repairs": restartCost?.tally.json ?? .null,
            "last_restart": restartCost?.last?.json ?? .null,
        ]
    }
}
