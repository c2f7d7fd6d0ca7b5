// The names that a misspelt one is compared with: whatever the published profiles use, and what the
// documentation of HCCL (CANN), of SGLang 0.5.12 and of its pages for Ascend NPUs lists beside it.

import YAML

/// The environment variables that engines, HCCL and the profiles have.
public enum KnownEnvironment {
    public static func contains(_ name: String) -> Bool {
        KnownNames.current.environment.contains(name)
    }

    /// The name that someone probably meant; nil where none is near.
    public static func nearest(to name: String) -> String? {
        nearestName(to: name, in: KnownNames.current.environment, atMost: name.count < 10 ? 1 : 2)
    }
}

struct KnownNames {
    var environment: [String]
    var engineFlags: [String]
    var routerFlags: [String]
    var benchmarkFlags: [String]
    /// The values of the flags that take one of a set.
    var values: [String: [String]]

    /// Read once: the published profiles do not change.
    static let current: KnownNames = {
        var known = KnownNames(
            environment: AscendVariable.names + moreEnvironment, engineFlags: moreEngineFlags,
            routerFlags: moreRouterFlags, benchmarkFlags: moreBenchmarkFlags, values: moreValues)
        for name in ProfileCatalog.names + ProfileCatalog.baseNames {
            let text = ProfileCatalog.text(named: name) ?? ""
            guard let document = try? YAMLNode(parsing: text, file: name) else {
                fatalError("the built-in profile \(name) is no YAML")
            }
            known.addNames(of: document)
        }
        return known
    }()

    /// Nodes with Ascend NPUs that SGLang's pages name.
    static let hardware = [
        "Atlas 800I A3", "Atlas 800I A2", "Atlas 800T A3", "Atlas 800T A2", "Atlas 900 A3 SuperPoD",
    ]
    /// Those of the Linux kernel (cpufreq).
    static let governors = [
        "performance", "powersave", "schedutil", "ondemand", "conservative", "userspace",
    ]

    private mutating func addNames(of document: YAMLNode) {
        let roles = (document["roles"]?.members ?? []).map(\.value)
        for part in [document] + roles {
            environment += part["environment"].names
            engineFlags += part["arguments"].names
            addValues(of: part["arguments"])
        }
        if case .list(let names) = document["unset"]?.content {
            for case .scalar(let name) in names.map(\.content) { environment.append(name.text) }
        }
        addValues(of: document["router"]?["arguments"])
        routerFlags += document["router"]?["arguments"].names ?? []
        benchmarkFlags += document["benchmark"]?["arguments"].names ?? []
    }

    private mutating func addValues(of arguments: YAMLNode?) {
        for argument in arguments?.members ?? [] {
            let value = argument.value["value"] ?? argument.value
            guard case .scalar(let scalar) = value.content else { continue }
            values[argument.name]?.append(scalar.text)
        }
    }
}

extension YAMLNode? {
    /// The names of a map.
    fileprivate var names: [String] { (self?.members ?? []).map(\.name) }
}

// MARK: - Beyond the published profiles

/// What stands beside `AscendVariable.names`: SGLang's variables on Ascend NPUs and their neighbours.
private let moreEnvironment = """
    RANK_TABLE_FILE SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION SGLANG_HEALTH_CHECK_TIMEOUT
    SGLANG_DIAG_BYPASS_HEALTH_GENERATE SGLANG_UVICORN_WORKER_HEALTHCHECK_TIMEOUT
    SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT SGLANG_DISAGGREGATION_WAITING_TIMEOUT
    SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL SGLANG_DISAGGREGATION_HEARTBEAT_MAX_FAILURE
    SGLANG_NPU_USE_MLAPO SGLANG_USE_FIA_NZ SGLANG_NPU_USE_MULTI_STREAM
    SGLANG_NPU_DISABLE_ACL_FORMAT_WEIGHT SGLANG_DEEPEP_NUM_MAX_DISPATCH_TOKENS_PER_RANK
    DEEPEP_NORMAL_LONG_SEQ_PER_ROUND_TOKENS DEEPEP_NORMAL_LONG_SEQ_ROUND
    DEEPEP_NORMAL_COMBINE_ENABLE_LONG_SEQ MOE_ENABLE_TOPK_NEG_ONE TASK_QUEUE_ENABLE
    INF_NAN_MODE_ENABLE STREAMS_PER_DEVICE PYTORCH_NPU_ALLOC_CONF ENABLE_MOE_NZ
    ENABLE_PROFILING SGLANG_PREFILL_DELAYER_MAX_DELAY_PASSES
    SGLANG_SCHEDULER_DECREASE_PREFILL_IDLE SGLANG_SCHEDULER_SKIP_ALL_GATHER
    SGLANG_ZBAL_LOCAL_MEM_SIZE SGLANG_ZBAL_BOOTSTRAP_URL ZBAL_NPU_ALLOC_CONF SGLANG_HOST_IP
    HOST_IP LD_LIBRARY_PATH PATH
    """.words

/// SGLang's flags: the long and short forms of those above, what replaces them in later versions.
private let moreEngineFlags = """
    --tp --tensor-parallel-size --pp --pipeline-parallel-size --dp --data-parallel-size --ep
    --expert-parallel-size --attention-context-parallel-size --attn-dp-size
    --moe-dense-tp-size --moe-dense-tp --nccl-init-addr --dist-timeout --enable-prefill-cp
    --cp-strategy --cuda-graph-bs --cuda-graph-max-bs --cuda-graph-bs-decode
    --cuda-graph-max-bs-decode --cuda-graph-backend-decode --cuda-graph-backend-prefill
    --prefill-round-robin-balance --enable-nsa-prefill-context-parallel --nsa-prefill-cp-mode
    --trust-remote-code --reasoning-parser --tool-call-parser --enable-metrics
    --tokenizer-worker-num --api-key --host --port --model --model-path --enable-pd-role-switch
    --moe-a2a-backend --speculative-draft-model-path
    """.words

private let moreRouterFlags = """
    --mini-lb --policy --prefill-policy --decode-policy --prometheus-port --prometheus-host
    --health-check-interval-secs --health-check-timeout-secs --health-check-endpoint
    --health-failure-threshold --health-success-threshold --worker-startup-timeout-secs
    --worker-startup-check-interval --request-timeout-secs --shutdown-grace-period-secs
    """.words

private let moreBenchmarkFlags = """
    --model --tokenizer --dataset-path --request-rate --flush-cache --output-file --profile
    --ready-check-timeout-sec
    """.words

/// The choices of SGLang 0.5.9 to 0.5.23, and those of sglang-router 0.3.2.
private let moreValues: [String: [String]] = [
    "--attention-backend": attentionBackends,
    "--prefill-attention-backend": attentionBackends,
    "--decode-attention-backend": attentionBackends,
    "--disaggregation-transfer-backend": "mooncake nixl ascend fake mori mooncake_tcp".words,
    "--moe-a2a-backend": """
    none deepep mooncake nixl mori ascend_fuseep flashinfer megamoe deepep_v2 ascend_tp pplx
    """.words,
    "--deepep-mode": "auto normal low_latency".words,
    "--load-balance-method": """
    auto round_robin follow_bootstrap_room total_requests total_tokens shortest_queue
    minimum_tokens
    """.words,
    "--quantization": quantizations,
    "--speculative-draft-model-quantization": quantizations,
    "--dtype": "auto half float16 bfloat16 float float32".words,
    "--policy": policies,
    "--prefill-policy": policies + ["bucket"],
    "--decode-policy": policies,
]

private let attentionBackends = """
    triton torch_native flex_attention dsa nsa dsv4 compressed cutlass_mla fa3 fa4 flashinfer
    flashmla trtllm_mla cutedsl_mla tokenspeed_mla trtllm_mha dual_chunk_flash_attn hpc_ops
    minicpm_flashattn minicpm_flashinfer aiter wave intel_amx ascend intel_xpu
    """.words

private let quantizations = """
    awq fp8 mxfp8 gptq marlin gptq_marlin awq_marlin bitsandbytes gguf modelopt modelopt_fp8
    modelopt_fp4 nvfp4_online modelopt_mixed petit_nvfp4 w8a8_int8 w8a8_fp8 moe_wna16 qoq w4afp8
    mxfp4 auto-round auto-round-int8 compressed-tensors modelslim mxfp_w4a8 quark
    quark_int4fp8_moe quark_mxfp4 mlx_q4 mlx_q8 unquant humming
    """.words

private let policies = "random round_robin cache_aware power_of_two manual".words

extension String {
    fileprivate var words: [String] { split(whereSeparator: \.isWhitespace).map(String.init) }
}
