// What the control API shows and asks of the agent that it belongs to.

public import Base
public import ClusterState
public import Node
public import Planning
import Profiles
public import WireProtocol

/// What a doctor does beside looking.
public struct DoctorVisit: Hashable, Sendable {
    /// Each node is kept busy for about a second to measure it.
    public var isStressing = false
    /// Each node has its SGLang read the commands that are planned for it.
    public var hasPreflight = false

    public init(isStressing: Bool = false, hasPreflight: Bool = false) {
        self.isStressing = isStressing
        self.hasPreflight = hasPreflight
    }
}

/// The agent, as the control API sees it. All on the loop's thread.
public protocol ControlSource: AnyObject {
    var status: ClusterStatus { get }
    var state: ReplicatedState { get }
    /// Why there is no plan, or no new one, for people; empty where there is one.
    var planNotes: [String] { get }
    /// Why every rank of the plan is where it is; nil before the first plan.
    var planExplanation: PlanExplanation? { get }
    /// By how much the clock of a node is ahead of this one's; nil where they were not compared.
    func clockAhead(of node: NodeID) -> Duration?
    /// Asks the node; the answer comes later, exactly once.
    func operate(_ request: OperatorRequest, completion: @escaping (PeerAnswer) -> Void)
    /// Examines every node; the answer comes once, some seconds later, and progress before it.
    func diagnose(
        _ visit: DoctorVisit, onProgress: @escaping (String) -> Void,
        completion: @escaping (JSONValue) -> Void)
    /// Asks every node what it is, likewise.
    func takeInventories(
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void)
}

extension ReplicatedState {
    /// The published form of the plan, `GET /v1/plan`. A spare is a node that is alive now, whatever it
    /// was when this was planned.
    public func planJSON(
        notes: [String], explanation: PlanExplanation?, members: [ClusterStatus.Member]
    ) -> JSONValue {
        let engines = plan?.groups.filter { $0.role.isEngine } ?? []
        let held = Set(engines.flatMap(\.ranks).map(\.node.name))
        let spares = members.filter {
            $0.state == "alive" && $0.cordon == nil && !held.contains($0.node)
        }
        return [
            "epoch": .integer(Int64(epoch.value)),
            "profile": JSONValue(deployment?.profileName),
            "groups": .array(groupsAsLaunched.map(\.json)),
            "spares": .array(plan == nil ? [] : spares.map { .string($0.node) }),
            "explanation": .array((notes + (explanation?.sentences ?? [])).map { .string($0) }),
        ]
    }

    /// The planned groups, each with the dist-init port of its newest generation.
    private var groupsAsLaunched: [PlannedGroup] {
        let groups = plan?.groups ?? []
        guard let deployment,
            let profile = try? Profile.parse(
                deployment.profileYAML, file: deployment.profileName)
        else { return groups }
        return groups.map { $0.launched(in: record(of: $0.name).generation, of: profile) }
    }
}

extension Deployment {
    /// `GET /v1/deployment`.
    var json: JSONValue {
        [
            "profile": .string(profileName), "profile_yaml": .string(profileYAML),
            "model_path": .string(modelPath), "engine": engine.json,
        ]
    }
}

extension PlannedGroup {
    var json: JSONValue {
        let ranks = ranks.enumerated().map { index, planned -> JSONValue in
            [
                "rank": .integer(Int64(index)), "node": .string(planned.node.name),
                "address": .string(planned.address),
            ]
        }
        return [
            "name": .string(name.name), "role": .string(role.rawValue),
            "url": .string("http://\(http)"), "dist_init": JSONValue(distInit?.description),
            "bootstrap": JSONValue(bootstrap?.description),
            "store": JSONValue(store.map { "tcp://\($0)" }), "ranks": .array(ranks),
        ]
    }
}

extension LedgerEvent {
    /// One line of `GET /v1/events`. Where a generation serves that follows another, the restart is told
    /// with it.
    public func json(in state: ReplicatedState) -> JSONValue {
        let restart =
            kind == .ready
            ? group.flatMap { group in
                generation.flatMap { state.restartLedger.record(of: group, launched: $0) }
            } : nil
        return [
            "sequence": .integer(Int64(sequence)), "time": .string(time.description),
            "kind": .string(kind.rawValue), "node": JSONValue(node?.name),
            "group": JSONValue(group?.name),
            "generation": generation.map { .integer(Int64($0.value)) } ?? .null,
            "text": .string(text), "restart": restart?.json ?? .null,
        ]
    }
}

extension ReplicatedState {
    /// `GET /v1/restarts`.
    public var restartsJSON: JSONValue {
        [
            "restarts": .array(restartLedger.records.map(\.json)),
            "groups": .array(
                restartLedger.tallies.map {
                    ["group": .string($0.group.name), "repairs": $0.json]
                }),
        ]
    }
}
