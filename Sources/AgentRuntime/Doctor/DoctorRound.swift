// One visit of the doctor: all nodes are asked at once what they are; then each is asked to dial the planned
// ports of all others and to ping over the fabric; then everything is judged. It takes as long as the
// slowest node, whose silence is a finding in its turn. The launch gate makes such a visit to the nodes of one
// group, which then dial also what of other groups serves them already.

import Ascend
import Base
import ControlAPI
import Doctor
import EventLoop
import Node
import WireProtocol

/// A visit under way; it lives until it is over.
final class DoctorRound {
    private let loop: Loop
    private let nodes: [NodeID]
    private let survey: NodeSurvey
    private let clockAhead: (NodeID) -> Duration?
    private let completion: (Outcome) -> Void
    private var answers: [NodeID: ExaminedNode] = [:]
    private var dials: [Dial] = []
    private var pings: [FabricProbe] = []
    private let purpose: Purpose
    private var speeds: [NodeSpeed] = []
    private var preflights: [NodePreflight] = []
    private var accepted: [AcceptedFinding] = []

    enum Purpose {
        /// A person wants to know.
        case visit(DoctorVisit)
        /// The group is about to be launched.
        case launch(GroupName, reaching: [DialTarget], hasPreflight: Bool)
    }

    struct Outcome {
        let diagnosis: Diagnosis
        /// What the configurations of the nodes say does no harm.
        let accepted: [AcceptedFinding]
    }

    /// Findings come in the order of the nodes. `clockAhead` says how far the clock of a node is ahead of
    /// the own one; nil where that is not known.
    init(
        _ loop: Loop, nodes: [NodeID], purpose: Purpose, ask: @escaping NodeSurvey.Ask,
        clockAhead: @escaping (NodeID) -> Duration?,
        onProgress: @escaping (String) -> Void, completion: @escaping (Outcome) -> Void
    ) {
        self.loop = loop
        self.nodes = nodes
        self.purpose = purpose
        self.clockAhead = clockAhead
        survey = NodeSurvey(loop, nodes: nodes, ask: ask, onProgress: onProgress)
        self.completion = completion
    }

    func start() {
        survey.put(
            nodes.map { ($0, .facts(launchOf: group)) },
            onAnswer: { self.answers[$0] = self.examined($0, $1) }, then: { self.reach() })
    }

    private var group: GroupName? {
        if case .launch(let group, _, _) = purpose { group } else { nil }
    }

    private var served: [DialTarget] {
        if case .launch(_, let served, _) = purpose { served } else { [] }
    }

    private var isStressing: Bool {
        if case .visit(let visit) = purpose { visit.isStressing } else { false }
    }

    private var hasPreflight: Bool {
        switch purpose {
        case .visit(let visit): visit.hasPreflight
        case .launch(_, _, let hasPreflight): hasPreflight
        }
    }

    /// nil where the node wants no part in the launch gate.
    private func examined(_ node: NodeID, _ answer: PeerAnswer) -> ExaminedNode? {
        do {
            let document = try answer.json()
            guard let told = document["examination"] else {
                return ExaminedNode(node, .silent("its answer has no examination"))
            }
            if told == .null { return nil }
            accepted += try document.read("accepted") as [AcceptedFinding]? ?? []
            return ExaminedNode(
                node, .told(try NodeExamination(json: told)), clockAhead: clockAhead(node))
        } catch {
            return ExaminedNode(node, .silent("\(error)"))
        }
    }

    // MARK: - Between the nodes

    private var told: [(node: NodeID, found: NodeExamination)] {
        nodes.compactMap { node in
            guard case .told(let found) = answers[node]?.answer else { return nil }
            return (node, found)
        }
    }

    private func reach() {
        let questions = told.map { told in
            (told.node, NodeQuestion.reach(dials: dials(of: told.node), pings: pings(of: told)))
        }
        guard nodes.count > 1 || !served.isEmpty, !questions.isEmpty else { return preflight() }
        survey.put(
            questions, onAnswer: { self.takeReach($0, $1) }, then: { self.preflight() })
    }

    private func preflight() {
        guard hasPreflight, !told.isEmpty else { return measure() }
        survey.tell("every node has its SGLang read the planned commands")
        survey.put(
            told.map { ($0.node, .preflight(launchOf: group)) },
            onAnswer: { self.preflights.append(NodePreflight($0, Self.commands($1))) },
            then: { self.measure() })
    }

    private static func commands(_ answer: PeerAnswer) -> Fact<[ReadCommand]> {
        do {
            return .known(try answer.json().read("commands"))
        } catch {
            return .unknown(Gap(.unreadable, "preflight", "\(error)"))
        }
    }

    /// The last question, so that nothing else is asked of a busy node.
    private func measure() {
        guard isStressing, !told.isEmpty else { return finish() }
        survey.tell("measuring processors and memory for about a second")
        survey.put(
            told.map { ($0.node, .speed) },
            onAnswer: { self.speeds.append(NodeSpeed($0, Self.speed($1))) },
            then: { self.finish() })
    }

    private static func speed(_ answer: PeerAnswer) -> Fact<SpeedMeasure> {
        do {
            return try answer.json().read("speed")
        } catch {
            return .unknown(Gap(.unreadable, "speed", "\(error)"))
        }
    }

    private func dials(of node: NodeID) -> [DialTarget] {
        told.filter { $0.node != node }.flatMap { other in
            other.found.ports.filter { $0.state != .taken }
                .map { DialTarget(node: other.node, endpoint: $0.endpoint) }
        } + served.filter { $0.node != node }
    }

    /// Nodes of another super pod cannot answer.
    private func pings(of own: (node: NodeID, found: NodeExamination)) -> [PingTarget] {
        let pod = own.found.inventory.place?.superPodID
        let peers = told.filter {
            $0.node != own.node && pod != nil && $0.found.inventory.place?.superPodID == pod
        }
        let mesh = FabricMesh(
            dies: (own.found.inventory.dies.value ?? []).map(\.id),
            peers: peers.map { ($0.node, Self.addresses($0.found.inventory)) })
        return mesh.pings(isWhole: group == nil)
    }

    private static func addresses(_ inventory: NodeInventory) -> [DieID: String] {
        let dies = (inventory.dies.value ?? []).compactMap { die in
            die.place.value?.sdid.vnicAddress.map { (die.id, $0) }
        }
        return Dictionary(dies, uniquingKeysWith: { first, _ in first })
    }

    private func takeReach(_ node: NodeID, _ answer: PeerAnswer) {
        do {
            let document = try answer.json()
            dials += try document.read("dials") as [Dial]
            pings += try document.read("pings") as [FabricProbe]
        } catch {
            answers[node] = ExaminedNode(
                node, .silent("it told what it is, and then: \(error)"),
                clockAhead: answers[node]?.clockAhead)
        }
    }

    private func finish() {
        let order = Dictionary(
            nodes.enumerated().map { ($0.element, $0.offset) },
            uniquingKeysWith: { first, _ in first })
        // Where no node takes part there is nothing to say.
        guard group == nil || !answers.isEmpty else {
            return completion(Outcome(diagnosis: Diagnosis(), accepted: []))
        }
        let cluster = ClusterExamination(
            nodes: nodes.compactMap { answers[$0] },
            dials: dials.sorted { (order[$0.from] ?? 0) < (order[$1.from] ?? 0) },
            pings: pings.sorted {
                (order[$0.from] ?? 0, $0.die) < (order[$1.from] ?? 0, $1.die)
            },
            speeds: speeds.sorted { (order[$0.node] ?? 0) < (order[$1.node] ?? 0) },
            preflights: preflights.sorted { (order[$0.node] ?? 0) < (order[$1.node] ?? 0) },
            isOneGroup: group != nil)
        completion(Outcome(diagnosis: Diagnosis(of: cluster), accepted: accepted))
    }
}

@available(*, unavailable) extension DoctorRound: Sendable {}
