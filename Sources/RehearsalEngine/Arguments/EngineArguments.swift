// The part of `python3 -m sglang.launch_server`'s command line that decides how an instance forms:
// sizes, ranks, addresses, ports, role. Rules and defaults are those of SGLang 0.5.12
// (srt/server_args.py); everything else on the line is accepted and has no effect here.

public import Base

/// The arguments of one engine process.
public struct EngineArguments: Hashable, Sendable {
    public let modelPath: String
    public let servedModelName: String
    public let host: String
    public let port: UInt16
    public let role: Role
    public let tensorParallel: Int
    public let pipelineParallel: Int
    public let dataParallel: Int
    public let expertParallel: Int
    public let attentionContextParallel: Int
    /// Data parallel attention in effect: SGLang drops the flag where `--dp-size` is 1.
    public let usesDataParallelAttention: Bool
    public let nodeCount: Int
    public let nodeRank: Int
    /// nil where the flag is absent.
    public let distInit: Endpoint?
    /// How long the ranks wait for each other.
    public let distTimeout: Duration
    public let bootstrapPort: UInt16
    /// Whether the cache is handed over by MemFabric, which needs its store.
    let usesTransferStore: Bool
    public let contextLength: Int
    /// The rest, as it stood there.
    let flags: FlagList

    /// Reads a whole published command: `python3 -m sglang.launch_server …`.
    /// - Throws: ``ArgumentError``, also where it starts something else.
    public init(command: [String]) throws(ArgumentError) {
        let (module, argv) = try PythonCommand.split(command)
        guard module == PythonCommand.engine else {
            throw .usage("\(module) is not \(PythonCommand.engine)")
        }
        try self.init(parsing: argv)
    }

    /// - Parameter argv: the words after `sglang.launch_server`.
    /// - Throws: ``ArgumentError`` with the exit code that SGLang would give.
    public init(parsing argv: [String]) throws(ArgumentError) {
        let flags = try FlagList(parsing: argv)
        self.flags = flags
        guard let modelPath = try flags.text(["--model-path", "--model"]) else {
            throw .usage("the following arguments are required: --model-path/--model")
        }
        self.modelPath = modelPath
        servedModelName = try flags.text(["--served-model-name"]) ?? modelPath
        host = try flags.text(["--host"]) ?? "127.0.0.1"
        port = try flags.port(["--port"]) ?? 30000
        role = try Self.role(flags)
        let tensorParallel = try flags.size(["--tp-size", "--tensor-parallel-size", "--tp"])
        self.tensorParallel = tensorParallel
        pipelineParallel = try flags.size(["--pp-size", "--pipeline-parallel-size", "--pp"])
        dataParallel = try flags.size(["--dp-size", "--data-parallel-size", "--dp"])
        let expertParallel = try flags.size(["--ep-size", "--expert-parallel-size", "--ep"])
        // DeepEP's all-to-all runs over the whole tensor parallel group.
        let isDeepEP = try flags.text(["--moe-a2a-backend"]) == "deepep"
        self.expertParallel = isDeepEP ? tensorParallel : expertParallel
        attentionContextParallel = try flags.size([
            "--attn-cp-size", "--attention-context-parallel-size",
        ])
        usesDataParallelAttention = flags.has("--enable-dp-attention") && dataParallel > 1
        nodeCount = try flags.size(["--nnodes"])
        nodeRank = try flags.integer(["--node-rank"]) ?? 0
        distInit = try flags.endpoint(["--dist-init-addr", "--nccl-init-addr"])
        distTimeout = .seconds(try flags.integer(["--dist-timeout"]) ?? 1800)
        bootstrapPort = try flags.port(["--disaggregation-bootstrap-port"]) ?? 8998
        let backend = try flags.text(["--disaggregation-transfer-backend"])
        usesTransferStore = role != .mixed && backend == "ascend"
        contextLength = try flags.integer(["--context-length"]) ?? 202_752
        try check()
    }

    /// Where the ranks meet: the flag, or for a lone node the address that SGLang derives from its
    /// port. There it is always 127.0.0.1; here `--host`, since one machine may play many.
    var meetingPoint: Endpoint? {
        if let distInit { return distInit }
        guard usesDataParallelAttention, let shifted = UInt16(exactly: Int(port) + 233) else {
            return nil
        }
        return Endpoint(host: host, port: shifted)
    }

    private static func role(_ flags: FlagList) throws(ArgumentError) -> Role {
        let modes = ["null", "prefill", "decode"]
        let mode = try flags.choice(["--disaggregation-mode"], of: modes)
        return mode.flatMap(Role.init(rawValue:)) ?? .mixed
    }

    private func check() throws(ArgumentError) {
        guard (tensorParallel * pipelineParallel).isMultiple(of: nodeCount) else {
            throw .check("tp_size * pp_size must be divisible by number of nodes")
        }
        guard dataParallel == 1 || nodeCount == 1 || usesDataParallelAttention else {
            throw .check("multi-node data parallel is not supported unless dp attention!")
        }
        if usesDataParallelAttention {
            let groups = dataParallel * attentionContextParallel
            guard tensorParallel.isMultiple(of: groups) else {
                throw .check("tp_size must be divisible by dp_size * attn_cp_size (\(groups))")
            }
            // SGLang's own words for a missing --dist-init-addr here.
            guard nodeCount == 1 || distInit != nil else { throw .check("Empty address string") }
        }
        guard !servedModelName.contains(":") else {
            throw .check("served_model_name cannot contain a colon (':') character")
        }
    }
}

extension FlagList {
    fileprivate func size(_ names: [String]) throws(ArgumentError) -> Int {
        let value = try integer(names) ?? 1
        guard (1...4096).contains(value) else {
            throw .check("\(names[0]) must be from 1 to 4096, not \(value)")
        }
        return value
    }

    fileprivate func endpoint(_ names: [String]) throws(ArgumentError) -> Endpoint? {
        guard let text = try text(names) else { return nil }
        guard let endpoint = Endpoint(parsing: text) else {
            throw .check("\(names[0]) '\(text)' is not an address and a port")
        }
        return endpoint
    }
}
