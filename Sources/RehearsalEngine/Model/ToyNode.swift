// One node's part of a layer. A token belongs to the device of its position; that device routes it,
// sends it to the devices that hold its experts, and adds up what comes back. Every result carries
// the mark of the device that made it: its rank, the sizes of its world, and the address of its
// node. So an answer is the known one only if every rank sat where the plan says.

import Base

/// One token on its way to an expert.
struct ExpertCall: Hashable, Sendable {
    let device: Int
    let expert: Int
    let input: Activation
}

/// Why a node will not compute what it was asked for.
struct MisplacedWork: Error, Hashable, Sendable, CustomStringConvertible {
    let device: Int
    let nodeRank: Int

    var description: String {
        "device rank \(device) was asked of node rank \(nodeRank), which does not hold it"
    }
}

/// What one node of a world can compute, by its own knowledge of itself.
struct ToyNode: Sendable {
    let shape: WorldShape
    let nodeRank: Int
    /// The mark of each device of this node, by local index.
    private let marks: [UInt64]

    /// - Parameters:
    ///   - shape: the world.
    ///   - nodeRank: which node of it this one is.
    ///   - address: this node's own address, by its own knowledge.
    init(shape: WorldShape, nodeRank: Int, address: String) {
        self.shape = shape
        self.nodeRank = nodeRank
        let node = Hash.mix(shape.digest, address.utf8.fnv1a)
        let first = nodeRank * shape.devicesPerNode
        marks = (0..<shape.devicesPerNode).map { Hash.mix(node, UInt64(first + $0)) }
    }

    /// What the node's experts make of the tokens sent to them, in order.
    func compute(
        _ calls: [ExpertCall], layer: Int
    ) throws(MisplacedWork) -> [Activation] {
        var outputs: [Activation] = []
        outputs.reserveCapacity(calls.count)
        for call in calls {
            let mark = try mark(ofDevice: call.device)
            outputs.append(ToyModel.expert(call.expert, layer: layer, on: mark, call.input))
        }
        return outputs
    }

    /// Routes the tokens that this node's devices own.
    func route(_ work: LayerWork) throws(MisplacedWork) -> RoutedLayer {
        var owners: [UInt64] = []
        for row in work.rows {
            owners.append(
                try mark(ofDevice: shape.owner(ofPosition: row.position, layer: work.layer)))
        }
        return RoutedLayer(work, shape: shape, owners: owners)
    }

    private func mark(ofDevice device: Int) throws(MisplacedWork) -> UInt64 {
        let local = device - nodeRank * shape.devicesPerNode
        guard marks.indices.contains(local) else {
            throw MisplacedWork(device: device, nodeRank: nodeRank)
        }
        return marks[local]
    }
}

/// The owned tokens of one layer between dispatch and combine.
struct RoutedLayer: Sendable {
    /// What goes to each node of the stage. A node is there even where it gets nothing: a
    /// collective needs every rank.
    let calls: [Int: [ExpertCall]]
    private let work: LayerWork
    private let owners: [UInt64]
    /// For each row, where each of its results comes from: node, index there, weight.
    private let places: [[(node: Int, index: Int, weight: Int32)]]

    init(_ work: LayerWork, shape: WorldShape, owners: [UInt64]) {
        self.work = work
        self.owners = owners
        let stage = shape.nodes(ofLayer: work.layer)
        var calls = Dictionary(uniqueKeysWithValues: stage.map { ($0, [ExpertCall]()) })
        places = work.rows.map { row in
            ToyModel.route(row.activation, layer: work.layer).map { choice in
                let device = shape.holder(ofExpert: choice.expert, layer: work.layer)
                let node = shape.node(ofDevice: device)
                let index = calls[node, default: []].count
                calls[node, default: []].append(
                    ExpertCall(device: device, expert: choice.expert, input: row.activation))
                return (node, index, choice.weight)
            }
        }
        self.calls = calls
    }

    /// Adds up the results of every node.
    /// - Returns: nil where a node gave fewer results than it was sent tokens.
    func combine(_ results: [Int: [Activation]]) -> [Activation]? {
        guard calls.allSatisfy({ results[$0.key]?.count == $0.value.count }) else { return nil }
        return work.rows.indices.map { index in
            let outputs = places[index].compactMap { place in
                results[place.node].map { (weight: place.weight, output: $0[place.index]) }
            }
            return ToyModel.combine(
                work.rows[index].activation, outputs, owner: owners[index])
        }
    }
}
