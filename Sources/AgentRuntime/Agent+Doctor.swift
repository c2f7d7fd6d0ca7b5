// The agent's part in the doctor's work: it answers the questions of every agent, and leads a visit itself.

import Ascend
public import Base
import Doctor
import EventLoop
import Host
import Node
import WireProtocol

extension Agent {
    /// Answers a doctor, of this node or another.
    func examine(_ question: NodeQuestion, completion: @escaping (PeerAnswer) -> Void) {
        switch question {
        case .facts:
            let own = NodeExaminer.Own(
                node: own, interface: interface, stateDirectory: configuration.stateDirectory,
                shards: shardsOfPlan(), untuned: untuned)
            examiner.examine(own, weights: configuration.modelPath) { [loop] examination in
                let wall = loop.wallTime.millisecondsSinceEpoch
                completion(
                    .document(of: ["wall_ms": .integer(wall), "examination": examination.json]))
            }
        case .speed:
            examiner.measureSpeed { completion(.document(of: ["speed": $0.json])) }
        case .reach(let dials, let pings):
            examiner.reach(dials, pings, from: own) { dials, pings in
                completion(.document(of: ["dials": dials.json, "pings": pings.json]))
            }
        }
    }

    /// Looks at what the launch of a shard would need here.
    func inspect(_ endpoints: [Endpoint]) {
        guard configuration.launchGate == .check else {
            note(.gate, [])
            return loop.soon { [weak self] in self?.give(.inspected([])) }
        }
        examiner.findObstacles(
            stateDirectory: configuration.stateDirectory, ports: endpoints,
            onUnknown: { [weak self] unknowns in
                self?.note(.gate, unknowns.map { "the launch gate could not find out: \($0)" })
            },
            completion: { [weak self] in self?.give(.inspected($0)) })
    }

    /// What differs from what the profile wants; nil where there is no plan, or nobody wants to know.
    private var untuned: [UntunedSetting]? {
        guard configuration.hostTuning != .off, !shardsOfPlan().isEmpty else { return nil }
        return tuningDifferences().compactMap { difference in
            // Ports have a check of their own.
            if case .reservedPorts = difference.wanted { return nil }
            return UntunedSetting(
                wanted: difference.wanted.description, found: difference.found)
        }
    }

    public func diagnose(
        stressing: Bool, onProgress: @escaping (String) -> Void,
        completion: @escaping (JSONValue) -> Void
    ) {
        let visitor = DoctorVisitor(onProgress: onProgress, completion: completion)
        visitors[stressing, default: []].append(visitor)
        // One visit of a kind at a time: whoever comes meanwhile is told the same.
        guard visitors[stressing]?.count == 1 else { return }
        let round = DoctorRound(
            loop, nodes: configuration.nodes.map(\.node), stressing: stressing,
            ask: { [weak self] in self?.ask($0, $1, completion: $2) },
            onProgress: { [weak self] text in
                for visitor in self?.visitors[stressing] ?? [] { visitor.onProgress(text) }
            },
            completion: { [weak self] diagnosis in
                let told = self?.visitors.removeValue(forKey: stressing) ?? []
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
            loop, nodes: configuration.nodes.map(\.node),
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

    fileprivate static func document(of json: JSONValue) -> PeerAnswer {
        let text = json.compact
        guard text.utf8.count <= documentLimitBytes else {
            return .refused(
                .unavailable, "what it found is too long to be told (\(text.utf8.count) bytes)")
        }
        return .document(text)
    }
}
