// The agent's part in the doctor's work: it answers the questions of every agent, and leads a visit itself.

import Ascend
public import Base
public import ControlAPI
import Doctor
import EventLoop
import Host
import Node
import Planning
import WireProtocol

extension Agent {
    /// Answers a doctor, of this node or another.
    func examine(_ question: NodeQuestion, completion: @escaping (PeerAnswer) -> Void) {
        switch question {
        case .facts(let group): tellFacts(launchOf: group, completion: completion)
        case .strike(let strike): self.strike(strike, completion: completion)
        case .preflight(let group): tellPreflight(launchOf: group, completion: completion)
        case .speed:
            examiner.measureSpeed { completion(.document(of: ["speed": $0.json])) }
        case .reach(let dials, let pings):
            examiner.reach(dials, pings, from: own) { dials, pings in
                completion(.document(of: ["dials": dials.json, "pings": pings.json]))
            }
        }
    }

    /// Before a launch only the group's own shard counts, and the answer says what the configuration of
    /// this node accepts; without an examination where it has no launch gate.
    private func tellFacts(
        launchOf group: GroupName?, completion: @escaping (PeerAnswer) -> Void
    ) {
        var accepted: [AcceptedFinding]?
        if group != nil {
            guard case .check(let accepting, _) = configuration.launchGate else {
                return loop.soon { completion(.document(of: ["examination": nil])) }
            }
            accepted = accepting
        }
        let shards = shardsOfPlan().filter { group == nil || $0.spec.group == group }
        findUntuned { [self] untuned in
            let own = NodeExaminer.Own(
                node: own, interface: interface, stateDirectory: configuration.stateDirectory,
                engine: engine, shards: shards, untuned: untuned)
            examiner.examine(
                own, weights: configuration.modelPath, isBeforeLaunch: group != nil
            ) { examination in
                completion(
                    .document(of: ["examination": examination.json, "accepted": accepted.json]))
            }
        }
    }

    /// The launch gate: the nodes of the group are visited, and what was found is told to the node.
    func examineGroup(
        _ group: GroupName, _ nodes: [NodeID], reaching served: [DialTarget], round: UInt64
    ) {
        DoctorRound(
            loop, nodes: nodes,
            purpose: .launch(
                group, reaching: served, hasPreflight: configuration.preflight == .check),
            ask: { [weak self] in self?.ask($0, $1, completion: $2) },
            clockAhead: { [weak self] in self?.clockAhead(of: $0) }, onProgress: { _ in },
            completion: { [weak self] outcome in
                let findings = outcome.diagnosis.gate(accepting: outcome.accepted)
                self?.give(.groupExamined(group, round: round, findings))
            }
        ).start()
    }

    /// What differs from what the profile wants; nil where there is no plan, or nobody wants to know.
    private func findUntuned(completion: @escaping ([UntunedSetting]?) -> Void) {
        guard configuration.hostTuning != .off, !shardsOfPlan().isEmpty else {
            return completion(nil)
        }
        findTuningDifferences { differences in
            completion(
                differences.compactMap { difference in
                    // Ports have a check of their own.
                    if case .reservedPorts = difference.wanted { return nil }
                    return UntunedSetting(
                        wanted: difference.wanted.description, found: difference.found,
                        isSettable: difference.isSettable)
                })
        }
    }

    public func diagnose(
        _ visit: DoctorVisit, onProgress: @escaping (String) -> Void,
        completion: @escaping (JSONValue) -> Void
    ) {
        let visitor = DoctorVisitor(onProgress: onProgress, completion: completion)
        visitors[visit, default: []].append(visitor)
        // One visit of a kind at a time: whoever comes meanwhile is told the same.
        guard visitors[visit]?.count == 1 else { return }
        let round = DoctorRound(
            loop, nodes: members,
            purpose: .visit(visit),
            ask: { [weak self] in self?.ask($0, $1, completion: $2) },
            clockAhead: { [weak self] in self?.clockAhead(of: $0) },
            onProgress: { [weak self] text in
                for visitor in self?.visitors[visit] ?? [] { visitor.onProgress(text) }
            },
            completion: { [weak self] outcome in
                guard let self else { return }
                var diagnosis = outcome.diagnosis
                diagnosis.failedGroups = self.failedGroups
                let told = self.visitors.removeValue(forKey: visit) ?? []
                for visitor in told { visitor.completion(diagnosis.json) }
            })
        round.start()
    }
}

extension Agent {
    public func takeInventories(
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        InventoryRound(
            loop, nodes: members,
            ask: { [weak self] in self?.ask($0, $1, completion: $2) },
            recall: { [weak self] in self?.operate(.inventory($0), completion: $1) },
            onProgress: onProgress, completion: completion
        ).start()
    }

    /// Asks a node, this one or another.
    private func ask(
        _ node: NodeID, _ question: NodeQuestion, completion: @escaping (PeerAnswer) -> Void
    ) {
        operate(.examine(node, question), completion: completion)
    }
}

/// Somebody who waits for a diagnosis.
struct DoctorVisitor {
    let onProgress: (String) -> Void
    let completion: (JSONValue) -> Void
}

extension PeerAnswer {
    /// An answer must fit into a frame.
    private static let documentLimitBytes = 3 << 20

    static func document(of json: JSONValue) -> PeerAnswer {
        let text = json.compact
        guard text.utf8.count <= documentLimitBytes else {
            return .refused(
                .unavailable, "what it found is too long to be told (\(text.utf8.count) bytes)")
        }
        return .document(text)
    }
}
