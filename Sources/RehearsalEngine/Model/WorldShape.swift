// The sizes of one engine instance, and where its nodes live. SGLang lays a world out as
// `pp_size` stages of `tp_size` devices, in order over the nodes; data parallel attention, context
// parallelism and expert parallelism all live inside the tensor parallel group of a stage.

public import Base

/// How the devices of one engine instance are arranged. Everything here goes into its answers.
public struct WorldShape: Hashable, Sendable {
    public let role: Role
    /// Devices of one pipeline stage.
    public let tensorParallel: Int
    public let pipelineParallel: Int
    /// Over how many devices of a stage the experts are spread.
    public let expertParallel: Int
    public let dataParallel: Int
    public let attentionContextParallel: Int
    /// The address of each node, by node rank: the one under which it joins its world.
    public let nodes: [String]

    /// - Throws: ``ArgumentError`` where such a world cannot be laid out.
    public init(
        role: Role, tensorParallel: Int, pipelineParallel: Int = 1, expertParallel: Int,
        dataParallel: Int = 1, attentionContextParallel: Int = 1, nodes: [String]
    ) throws(ArgumentError) {
        self.role = role
        self.tensorParallel = tensorParallel
        self.pipelineParallel = pipelineParallel
        self.expertParallel = expertParallel
        self.dataParallel = dataParallel
        self.attentionContextParallel = attentionContextParallel
        self.nodes = nodes
        try check()
    }

    /// The shape that an engine with these arguments has on these nodes.
    /// - Parameters:
    ///   - arguments: the arguments of any shard of the group.
    ///   - nodes: the address of each node, by node rank.
    /// - Throws: ``ArgumentError`` where the nodes do not fit the arguments.
    public init(_ arguments: EngineArguments, nodes: [String]) throws(ArgumentError) {
        guard nodes.count == arguments.nodeCount else {
            throw .check("--nnodes is \(arguments.nodeCount), but \(nodes.count) nodes are given")
        }
        try self.init(
            role: arguments.role, tensorParallel: arguments.tensorParallel,
            pipelineParallel: arguments.pipelineParallel,
            expertParallel: arguments.expertParallel, dataParallel: arguments.dataParallel,
            attentionContextParallel: arguments.attentionContextParallel, nodes: nodes)
    }

    private func check() throws(ArgumentError) {
        let sizes = [
            tensorParallel, pipelineParallel, expertParallel, dataParallel,
            attentionContextParallel, nodes.count,
        ]
        guard sizes.allSatisfy({ (1...4096).contains($0) }) else {
            throw .check("every parallel size must be from 1 to 4096, not \(sizes)")
        }
        guard deviceCount.isMultiple(of: nodes.count) else {
            throw .check(
                "tp_size * pp_size (\(deviceCount)) must divide by nnodes (\(nodes.count))")
        }
        guard tensorParallel.isMultiple(of: expertParallel),
            ToyModel.expertCount.isMultiple(of: expertParallel)
        else {
            throw .check(
                "ep_size (\(expertParallel)) must divide tp_size (\(tensorParallel)) "
                    + "and the \(ToyModel.expertCount) experts")
        }
        guard pipelineParallel <= ToyModel.layerCount else {
            throw .check(
                "pp_size (\(pipelineParallel)) is more than the \(ToyModel.layerCount) layers")
        }
    }

    /// The world size of torch.distributed.
    public var deviceCount: Int { tensorParallel * pipelineParallel }
    public var devicesPerNode: Int { deviceCount / nodes.count }

    /// The node rank that holds a device rank.
    func node(ofDevice device: Int) -> Int { device / devicesPerNode }

    /// The pipeline stage that computes a layer.
    func stage(ofLayer layer: Int) -> Int { layer * pipelineParallel / ToyModel.layerCount }

    /// The device that holds an expert of a layer.
    func holder(ofExpert expert: Int, layer: Int) -> Int {
        let expertRank = expert / (ToyModel.expertCount / expertParallel)
        return stage(ofLayer: layer) * tensorParallel
            + expertRank * (tensorParallel / expertParallel)
    }

    /// The device that owns a token position in a layer: it routes it and combines the results.
    func owner(ofPosition position: UInt32, layer: Int) -> Int {
        stage(ofLayer: layer) * tensorParallel + Int(position) % tensorParallel
    }

    /// The node ranks that hold the stage of a layer, ascending.
    func nodes(ofLayer layer: Int) -> ClosedRange<Int> {
        let first = stage(ofLayer: layer) * tensorParallel
        return node(ofDevice: first)...node(ofDevice: first + tensorParallel - 1)
    }

    /// Role and sizes: what the ranks of a world compare when they meet.
    public var sizes: String {
        "\(role.rawValue) tp=\(tensorParallel) pp=\(pipelineParallel) ep=\(expertParallel) "
            + "dp=\(dataParallel) attn-cp=\(attentionContextParallel) nnodes=\(nodes.count)"
    }

    /// A number that differs whenever role or sizes differ.
    var digest: UInt64 { sizes.utf8.fnv1a }
}
