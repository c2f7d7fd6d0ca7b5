import Base
import Testing

@testable import RehearsalEngine

@Suite struct EngineArgumentsTests {
    private static let nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]

    @Test func `the published mixed command is read`() throws {
        let shard = Published.mixed(Self.nodes, rank: 1)
        let arguments = try EngineArguments(parsing: shard.argv)
        #expect(arguments.role == .mixed)
        #expect(arguments.servedModelName == "glm-5")
        #expect(arguments.tensorParallel == 32)
        #expect(arguments.expertParallel == 32, "DeepEP spreads the experts over all of tp")
        #expect(arguments.dataParallel == 16)
        #expect(arguments.usesDataParallelAttention)
        #expect(arguments.nodeRank == 1)
        #expect(arguments.distInit == Endpoint(host: "10.0.0.1", port: 5000))
        #expect(arguments.port == 6688)
    }

    @Test func `the published prefill and decode commands are read`() throws {
        let prefill = try EngineArguments(
            parsing: Published.prefill(Self.nodes, rank: 0, bootstrap: 8999, store: "x").argv)
        #expect(prefill.role == .prefill)
        #expect(prefill.pipelineParallel == 8)
        #expect(prefill.expertParallel == 4)
        #expect(prefill.attentionContextParallel == 4)
        #expect(prefill.bootstrapPort == 8999)
        #expect(!prefill.usesDataParallelAttention)
        let lone = try EngineArguments(
            parsing: Published.lonePrefill("10.0.0.1", bootstrap: 9001, store: "x").argv)
        #expect(lone.meetingPoint == nil)
        #expect(lone.nodeCount == 1)
        let decode = try EngineArguments(
            parsing: Published.decode(Self.nodes, rank: 3, store: "x").argv)
        #expect(decode.role == .decode)
        #expect(decode.expertParallel == 64)
        #expect(decode.nodeCount == 4)
        #expect(decode.contextLength == 180_000)
    }

    @Test func `the published 16K prefill is a whole command with DP attention and CP`() throws {
        let command = """
            python3 -m sglang.launch_server --model-path /m --disaggregation-mode prefill
            --host 10.0.0.2 --port 8000 --dist-init-addr 10.0.0.1:5000 --node-rank 1 --tp-size 32
            --nnodes 2 --moe-a2a-backend deepep --dp-size 4 --enable-dp-attention
            --attn-cp-size 8 --enable-dp-lm-head --moe-dense-tp 1
            """.split(whereSeparator: \.isWhitespace).map(String.init)
        let arguments = try EngineArguments(command: command)
        #expect(arguments.usesDataParallelAttention)
        let shape = try WorldShape(arguments, nodes: ["10.0.0.1", "10.0.0.2"])
        #expect(shape.sizes == "prefill tp=32 pp=1 ep=32 dp=4 attn-cp=8 nnodes=2")
        #expect(throws: ArgumentError.self) { try WorldShape(arguments, nodes: ["10.0.0.1"]) }
        #expect(throws: ArgumentError.self) {
            try EngineArguments(command: ["python3", "-m", "sglang_router.launch_router"])
        }
    }

    struct Refusal: Sendable {
        let argv: String
        let exitCode: Int32
        let mentions: String
    }

    @Test(arguments: [
        Refusal(argv: "--host 127.0.0.1", exitCode: 2, mentions: "--model-path"),
        Refusal(argv: "--model-path m --tp-size many", exitCode: 2, mentions: "'many'"),
        Refusal(argv: "--model-path m --tp-size", exitCode: 2, mentions: "--tp-size"),
        Refusal(argv: "--model-path m --node-rank 0 1", exitCode: 2, mentions: "1"),
        Refusal(argv: "m --model-path m", exitCode: 2, mentions: "unrecognized"),
        Refusal(
            argv: "--model-path m --disaggregation-mode both", exitCode: 2, mentions: "'both'"),
        Refusal(argv: "--model-path m --port 70000", exitCode: 1, mentions: "70000"),
        Refusal(argv: "--model-path m --tp-size 3 --nnodes 2", exitCode: 1, mentions: "divisible"),
        Refusal(
            argv: "--model-path m --tp-size 4 --nnodes 2 --dp-size 2", exitCode: 1,
            mentions: "dp attention"),
        Refusal(
            argv: "--model-path m --tp-size 4 --nnodes 2 --dp-size 2 --enable-dp-attention",
            exitCode: 1, mentions: "Empty address string"),
        Refusal(
            argv: "--model-path m --served-model-name a:b", exitCode: 1, mentions: "colon"),
        Refusal(argv: "--model-path m --dist-init-addr nowhere", exitCode: 1, mentions: "nowhere"),
    ])
    func `a bad command is refused as SGLang would`(refusal: Refusal) {
        let argv = refusal.argv.split(separator: " ").map(String.init)
        let error = #expect(throws: ArgumentError.self) { try EngineArguments(parsing: argv) }
        #expect(error?.exitCode == refusal.exitCode)
        #expect(
            error?.description.contains(refusal.mentions) == true, "\(String(describing: error))")
    }

    @Test func `unknown flags, equal signs, short aliases and repeated flags are accepted`() throws
    {
        let argv = [
            "--model-path=m", "--new-flag", "1", "2", "--tp", "2", "--tp-size=8", "--dp", "2",
        ]
        let arguments = try EngineArguments(parsing: argv)
        #expect(arguments.modelPath == "m")
        #expect(arguments.tensorParallel == 8)
        #expect(arguments.dataParallel == 2)
    }
}
