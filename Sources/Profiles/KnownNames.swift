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

    /// Read once: the published profiles do not change.
    static let current: KnownNames = {
        var known = KnownNames(
            environment: moreEnvironment, engineFlags: moreEngineFlags,
            routerFlags: moreRouterFlags, benchmarkFlags: moreBenchmarkFlags)
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
        }
        if case .list(let names) = document["unset"]?.content {
            for case .scalar(let name) in names.map(\.content) { environment.append(name.text) }
        }
        routerFlags += document["router"]?["arguments"].names ?? []
        benchmarkFlags += document["benchmark"]?["arguments"].names ?? []
    }
}

extension YAMLNode? {
    /// The names of a map.
    fileprivate var names: [String] { (self?.members ?? []).map(\.name) }
}

// MARK: - Beyond the published profiles

/// HCCL's variables (CANN 8.5), those of its neighbours, and SGLang's on Ascend NPUs.
private let moreEnvironment = """
    HCCL_SOCKET_IFNAME HCCL_IF_IP HCCL_SOCKET_FAMILY GLOO_SOCKET_IFNAME TP_SOCKET_IFNAME
    HCCL_IF_BASE_PORT HCCL_HOST_SOCKET_PORT_RANGE HCCL_NPU_SOCKET_PORT_RANGE HCCL_CONNECT_TIMEOUT
    HCCL_EXEC_TIMEOUT HCCL_BUFFSIZE HCCL_OP_EXPANSION_MODE HCCL_INTER_HCCS_DISABLE
    HCCL_INTRA_ROCE_ENABLE HCCL_INTRA_PCIE_ENABLE HCCL_LOGIC_SUPERPOD_ID HCCL_DETERMINISTIC
    HCCL_WHITELIST_DISABLE HCCL_WHITELIST_FILE HCCL_RDMA_TC HCCL_RDMA_SL HCCL_RDMA_TIMEOUT
    HCCL_RDMA_RETRY_CNT HCCL_OP_RETRY_ENABLE HCCL_OP_RETRY_PARAMS HCCL_DFS_CONFIG
    HCCL_RDMA_PCIE_DIRECT_POST_NOSTRICT RANK_TABLE_FILE ASCEND_GLOBAL_LOG_LEVEL
    ASCEND_GLOBAL_EVENT_ENABLE HCCL_ALGO
    SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION SGLANG_HEALTH_CHECK_TIMEOUT
    SGLANG_DIAG_BYPASS_HEALTH_GENERATE SGLANG_UVICORN_WORKER_HEALTHCHECK_TIMEOUT
    SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT SGLANG_DISAGGREGATION_WAITING_TIMEOUT
    SGLANG_NPU_USE_MLAPO SGLANG_USE_FIA_NZ SGLANG_NPU_USE_MULTI_STREAM
    SGLANG_NPU_DISABLE_ACL_FORMAT_WEIGHT SGLANG_DEEPEP_NUM_MAX_DISPATCH_TOKENS_PER_RANK
    DEEPEP_NORMAL_LONG_SEQ_PER_ROUND_TOKENS DEEPEP_NORMAL_LONG_SEQ_ROUND
    DEEPEP_NORMAL_COMBINE_ENABLE_LONG_SEQ MOE_ENABLE_TOPK_NEG_ONE TASK_QUEUE_ENABLE
    INF_NAN_MODE_ENABLE STREAMS_PER_DEVICE PYTORCH_NPU_ALLOC_CONF ASCEND_MF_STORE_URL
    ASCEND_LAUNCH_BLOCKING ENABLE_MOE_NZ ENABLE_PROFILING
    SGLANG_PREFILL_DELAYER_MAX_DELAY_PASSES SGLANG_SCHEDULER_DECREASE_PREFILL_IDLE
    SGLANG_SCHEDULER_SKIP_ALL_GATHER SGLANG_ZBAL_LOCAL_MEM_SIZE SGLANG_ZBAL_BOOTSTRAP_URL
    ZBAL_NPU_ALLOC_CONF ASCEND_MF_TRANSFER_PROTOCOL ASCEND_RT_VISIBLE_DEVICES
    SGLANG_HOST_IP HOST_IP LD_LIBRARY_PATH PATH
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

extension String {
    fileprivate var words: [String] { split(whereSeparator: \.isWhitespace).map(String.init) }
}
