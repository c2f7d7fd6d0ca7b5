// A layer over the whole world. Rank 0 hands each token to the node that owns its position; that
// node dispatches to every node of the stage and combines what comes back. A collective needs every
// rank, so a node is asked even when it has nothing to compute: one that hangs stalls everybody.

import Base
import EventLoop

/// This node's end of every forward pass.
final class ForwardFabric {
    let node: ToyNode
    let links: [Int: RankLink]
    /// Alive, but computing nothing any more, and answering nobody.
    var isWedged = false
    /// Told what a peer says besides tensors.
    var onControl: ((JSONValue, Int) -> Void)?
    var onPeerLost: ((Int, String) -> Void)?
    /// Told when work was refused: the world does not fit together.
    var onMisplaced: ((String) -> Void)?

    private let members: WorldMembers
    private var lastTag: UInt32 = 0
    private var waiting: [UInt32: ([Activation]) -> Void] = [:]

    init(_ members: WorldMembers) {
        self.members = members
        node = members.node
        links = members.links
        for (rank, link) in links {
            link.onFrame = { [weak self] in self?.handle($0, from: rank) }
            link.onClosed = { [weak self] in self?.onPeerLost?(rank, $0) }
        }
    }

    func close() {
        for link in links.values { link.close() }
        for listener in members.listeners { listener.close() }
        (onControl, onPeerLost, onMisplaced, waiting) = (nil, nil, nil, [:])
    }

    func tell(_ rank: Int, _ document: JSONValue) {
        links[rank]?.send(.control(document))
    }

    /// Computes a layer over the world. Called by rank 0.
    /// - Parameters:
    ///   - work: the tokens.
    ///   - completion: given the outputs in the order of the tokens; never called where a rank
    ///     does not answer.
    func compute(_ work: LayerWork, completion: @escaping ([Activation]) -> Void) {
        let parts = work.rowsByNode(node.shape)
        let gathering = Gathering<Int>(Set(parts.map(\.node))) { results in
            var outputs: [UInt32: Activation] = [:]
            for part in parts {
                for (row, output) in zip(part.rows, results[part.node] ?? []) {
                    outputs[row.position] = output
                }
            }
            completion(work.rows.map { outputs[$0.position] ?? .zero })
        }
        for part in parts {
            let owned = LayerWork(layer: work.layer, rows: part.rows)
            if part.node == node.nodeRank {
                computeOwned(owned) { gathering.put($0, from: part.node) }
            } else {
                ask(part.node, .layer, owned.payload) { gathering.put($0, from: part.node) }
            }
        }
    }

    /// The part of a layer that this node owns.
    private func computeOwned(
        _ work: LayerWork, completion: @escaping ([Activation]) -> Void
    ) {
        guard !isWedged,
            let routed = accepting({ () throws(MisplacedWork) in
                try node.route(work)
            })
        else { return }
        let gathering = Gathering<Int>(Set(routed.calls.keys)) { [weak self] results in
            guard let outputs = routed.combine(results) else {
                self?.onMisplaced?("a node answered with fewer results than it was sent tokens")
                return
            }
            completion(outputs)
        }
        for target in routed.calls.keys.sorted() {
            let dispatch = Dispatch(layer: work.layer, calls: routed.calls[target] ?? [])
            if target == node.nodeRank {
                guard let made = self.made(of: dispatch) else { return }
                gathering.put(made, from: target)
            } else {
                ask(target, .experts, dispatch.payload) { gathering.put($0, from: target) }
            }
        }
    }

    private func made(of dispatch: Dispatch) -> [Activation]? {
        accepting { () throws(MisplacedWork) in
            try node.compute(dispatch.calls, layer: dispatch.layer)
        }
    }

    private func accepting<Value>(_ work: () throws(MisplacedWork) -> Value) -> Value? {
        do throws(MisplacedWork) {
            return try work()
        } catch {
            onMisplaced?(error.description)
            return nil
        }
    }

    private func ask(
        _ rank: Int, _ kind: RankFrame.Kind, _ payload: [UInt8],
        completion: @escaping ([Activation]) -> Void
    ) {
        lastTag &+= 1
        waiting[lastTag] = completion
        links[rank]?.send(RankFrame(kind: kind, tag: lastTag, payload: payload))
    }

    // MARK: - What peers send

    private func handle(_ frame: RankFrame, from rank: Int) {
        guard !isWedged else { return }
        switch frame.kind {
        case .control:
            if let document = frame.document { onControl?(document, rank) }
        case .layer:
            guard let work = LayerWork(payload: frame.payload) else { return garbled(rank) }
            computeOwned(work) { [weak self] in self?.answer(rank, frame.tag, $0) }
        case .experts:
            guard let dispatch = Dispatch(payload: frame.payload) else { return garbled(rank) }
            guard let outputs = made(of: dispatch) else { return }
            answer(rank, frame.tag, outputs)
        case .outputs:
            guard let outputs = Outputs.read(frame.payload),
                let completion = waiting.removeValue(forKey: frame.tag)
            else { return garbled(rank) }
            completion(outputs)
        }
    }

    private func answer(_ rank: Int, _ tag: UInt32, _ outputs: [Activation]) {
        links[rank]?.send(
            RankFrame(kind: .outputs, tag: tag, payload: Outputs.payload(outputs)))
    }

    private func garbled(_ rank: Int) {
        onMisplaced?("node rank \(rank) sent a tensor that cannot be read")
    }
}

@available(*, unavailable) extension ForwardFabric: Sendable {}

/// Waits for one result of each party.
private final class Gathering<Party: Hashable> {
    private var missing: Set<Party>
    private var results: [Party: [Activation]] = [:]
    private let completion: ([Party: [Activation]]) -> Void

    init(_ parties: Set<Party>, completion: @escaping ([Party: [Activation]]) -> Void) {
        missing = parties
        self.completion = completion
    }

    func put(_ outputs: [Activation], from party: Party) {
        guard missing.remove(party) != nil else { return }
        results[party] = outputs
        if missing.isEmpty { completion(results) }
    }
}
