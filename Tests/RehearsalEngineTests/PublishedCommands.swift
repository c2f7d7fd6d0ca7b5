// The published command lines and environments, as functions of the addresses they are run on.

import Base
import RehearsalEngine

/// One engine process of a published deployment.
struct PublishedShard {
    let argv: [String]
    let environment: [String: String]

    func with(_ flag: String, _ value: String) -> PublishedShard {
        var argv = argv
        if let index = argv.firstIndex(of: flag) {
            argv[index + 1] = value
        } else {
            argv += [flag, value]
        }
        return PublishedShard(argv: argv, environment: environment)
    }

    /// The same without a flag and its value.
    func without(_ flag: String) -> PublishedShard {
        var argv = argv
        if let index = argv.firstIndex(of: flag) { argv.removeSubrange(index...index + 1) }
        return PublishedShard(argv: argv, environment: environment)
    }

    func with(environment name: String, _ value: String?) -> PublishedShard {
        var environment = environment
        environment[name] = value
        return PublishedShard(argv: argv, environment: environment)
    }
}

enum Published {
    static let interface = ["HCCL_SOCKET_IFNAME": "lo", "GLOO_SOCKET_IFNAME": "lo"]

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    }

    /// PD Mixed: two nodes, DP attention. The publication forgets where they meet; here it is.
    static func mixed(_ nodes: [String], rank: Int) -> PublishedShard {
        PublishedShard(
            argv: words(
                """
                --model-path /models/glm-5.1 --host \(nodes[rank]) --port 6688
                --attention-backend ascend --device npu --tp-size 32 --nnodes 2 --dp-size 16
                --enable-dp-attention --chunked-prefill-size 65536 --max-prefill-tokens 280000
                --trust-remote-code --mem-fraction-static 0.65 --served-model-name glm-5
                --cuda-graph-max-bs 8 --max-running-requests 128 --quantization modelslim
                --speculative-draft-model-quantization unquant --moe-a2a-backend deepep
                --deepep-mode auto --load-balance-method round_robin
                --speculative-algorithm NEXTN --speculative-num-steps 3
                --speculative-eagle-topk 1 --speculative-num-draft-tokens 4
                --dist-init-addr \(nodes[0]):5000 --node-rank \(rank)
                """), environment: interface)
    }

    /// The 64K and 2P1D prefill: pipeline stages over two nodes.
    static func prefill(
        _ nodes: [String], rank: Int, bootstrap: Int = 8998, store: String
    ) -> PublishedShard {
        PublishedShard(
            argv: words(
                """
                --model-path /models/glm-5.1 --disaggregation-mode prefill --host \(nodes[rank])
                --port 8000 --dist-init-addr \(nodes[0]):5000
                --disaggregation-bootstrap-port \(bootstrap) --node-rank \(rank) --tp-size 4
                --nnodes 2 --mem-fraction-static 0.72 --attention-backend ascend --device npu
                --quantization modelslim --disaggregation-transfer-backend ascend
                --max-running-requests 32 --served-model-name glm-5 --chunked-prefill-size 16384
                --max-prefill-tokens 180000 --moe-a2a-backend deepep --deepep-mode normal
                --disable-shared-experts-fusion --disable-cuda-graph --dtype bfloat16
                --speculative-draft-model-quantization unquant
                --enable-nsa-prefill-context-parallel --nsa-prefill-cp-mode in-seq-split
                --attn-cp-size 4 --enable-dp-lm-head --moe-dense-tp 1 --pp-size 8
                """), environment: disaggregated(store))
    }

    /// The 4P1D prefill: one node each, no meeting point.
    static func lonePrefill(_ host: String, bootstrap: Int, store: String) -> PublishedShard {
        PublishedShard(
            argv: words(
                """
                --model-path /models/glm-5.1 --disaggregation-mode prefill --host \(host)
                --port 8000 --disaggregation-bootstrap-port \(bootstrap) --node-rank 0 --tp-size 4
                --nnodes 1 --mem-fraction-static 0.72 --attention-backend ascend --device npu
                --quantization modelslim --disaggregation-transfer-backend ascend
                --max-running-requests 16 --served-model-name glm-5 --chunked-prefill-size 16384
                --max-prefill-tokens 180000 --moe-a2a-backend deepep --deepep-mode normal
                --disable-shared-experts-fusion --disable-cuda-graph --dtype bfloat16
                --enable-nsa-prefill-context-parallel --nsa-prefill-cp-mode in-seq-split
                --attn-cp-size 4 --enable-dp-lm-head --moe-dense-tp 1 --pp-size 4
                """), environment: disaggregated(store))
    }

    /// Every published decode: DP attention over the whole world.
    static func decode(_ nodes: [String], rank: Int, store: String) -> PublishedShard {
        let devices = 16 * nodes.count
        return PublishedShard(
            argv: words(
                """
                --model-path /models/glm-5.1 --disaggregation-mode decode --host \(nodes[rank])
                --port 8001 --dist-init-addr \(nodes[0]):5000 --node-rank \(rank)
                --tp-size \(devices) --nnodes \(nodes.count) --dp-size \(devices)
                --ep-size \(devices) --enable-dp-attention --mem-fraction-static 0.85
                --max-running-requests 32 --attention-backend ascend --device npu
                --quantization modelslim --served-model-name glm-5 --moe-a2a-backend deepep
                --deepep-mode low_latency --cuda-graph-bs 1 2 3
                --disaggregation-transfer-backend ascend --watchdog-timeout 9000
                --context-length 180000 --tokenizer-worker-num 16 --prefill-round-robin-balance
                --disable-shared-experts-fusion --dtype bfloat16
                --load-balance-method round_robin --speculative-draft-model-quantization unquant
                """), environment: disaggregated(store))
    }

    private static func disaggregated(_ store: String) -> [String: String] {
        interface.merging(["ASCEND_MF_STORE_URL": "tcp://\(store):24670"]) { $1 }
    }
}
