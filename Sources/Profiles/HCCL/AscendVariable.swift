// The environment variables that HCCL, CANN, torch_npu and memfabric read, each with its form. HCCL
// ignores names that it does not know and takes its default for values that it cannot read, so a
// misspelling costs a night; here it is an error with file and line. Forms follow the HCCL user
// guide (hccl_env, for Atlas A3) and the environment variable reference of CANN.

/// A variable and what may stand in it.
struct AscendVariable {
    let name: String
    let form: Form

    enum Form {
        case text
        case integer(ClosedRange<Int>)
        case multiple(of: Int, ClosedRange<Int>)
        case choice([String])
        /// `auto`, or ports and ranges: `61000-61031,61100`.
        case ports
        /// Selectors of HCCL: `=eth0` is exact, `^=eth0` all but that, a bare name a beginning.
        case selectors
        /// Names of interfaces.
        case interfaces
        /// Ascending numbers without spaces.
        case devices
    }

    init(_ name: String, _ form: Form) {
        self.name = name
        self.form = form
    }

    /// What is wrong with the value; nil for nothing.
    func complaint(_ value: String) -> String? {
        switch form {
        case .text: return nil
        case .integer(let range): return Self.isIn(range, value) ? nil : Self.expected(range)
        case .multiple(let divisor, let range):
            if Self.isIn(range, value), let number = Int(value), number % divisor == 0 {
                return nil
            }
            return Self.expected(range) + ", a multiple of \(divisor)"
        case .choice(let values):
            return values.contains(value)
                ? nil : "expected one of \(values.joined(separator: ", "))"
        case .ports:
            if value == "auto" || HCCLPorts.ranges(value) != nil { return nil }
            return "expected auto, or ports from 1 to 65535 such as 61000-61031,61100"
        case .selectors:
            if value.hasPrefix("=") || value.hasPrefix("^") { return nil }
            return "expected =\(value): HCCL takes a bare name for the beginning of a name, so "
                + "that two nodes may choose different networks"
        case .interfaces:
            guard value.hasPrefix("=") || value.hasPrefix("^") else { return nil }
            return "expected the name alone: only HCCL knows = and ^"
        case .devices:
            let numbers = value.split(separator: ",", omittingEmptySubsequences: false)
                .map { Int($0) }
            let known = numbers.compactMap { $0 }
            if known.count == numbers.count, zip(known, known.dropFirst()).allSatisfy(<) {
                return nil
            }
            return "expected ascending device numbers without spaces: what follows a wrong one is "
                + "dropped silently"
        }
    }

    private static func isIn(_ range: ClosedRange<Int>, _ value: String) -> Bool {
        Int(value).map { range.contains($0) } ?? false
    }

    private static func expected(_ range: ClosedRange<Int>) -> String {
        "expected an integer from \(range.lowerBound) to \(range.upperBound)"
    }
}

extension AscendVariable {
    /// Names that begin so are all known here; another is a misspelling.
    static let prefixes = ["HCCL_", "ASCEND_"]

    static let all: [AscendVariable] = network + timing + transport + diagnosis + others

    static let names = all.map(\.name)

    static func named(_ name: String) -> AscendVariable? { all.first { $0.name == name } }

    private static let network = [
        AscendVariable("HCCL_SOCKET_IFNAME", .selectors),
        AscendVariable("HCCL_IF_IP", .text),
        AscendVariable("HCCL_SOCKET_FAMILY", .choice(["AF_INET", "AF_INET6"])),
        AscendVariable("HCCL_IF_BASE_PORT", .integer(1024...65520)),
        AscendVariable("HCCL_HOST_SOCKET_PORT_RANGE", .ports),
        AscendVariable("HCCL_NPU_SOCKET_PORT_RANGE", .ports),
        AscendVariable("GLOO_SOCKET_IFNAME", .interfaces),
        AscendVariable("TP_SOCKET_IFNAME", .interfaces),
        AscendVariable("HCCL_WHITELIST_DISABLE", .choice(["0", "1"])),
        AscendVariable("HCCL_WHITELIST_FILE", .text),
    ]

    private static let timing = [
        AscendVariable("HCCL_CONNECT_TIMEOUT", .integer(120...7200)),
        AscendVariable("HCCL_EXEC_TIMEOUT", .integer(0...2_147_483_647)),
        AscendVariable("HCCL_EVENT_TIMEOUT", .integer(0...2_147_483_647)),
        AscendVariable("HCCL_BUFFSIZE", .integer(1...65536)),
        AscendVariable("HCCL_OP_EXPANSION_MODE", .choice(["AI_CPU", "AICPU_CacheDisable", "AIV"])),
        AscendVariable("HCCL_DETERMINISTIC", .choice(["false", "true", "strict"])),
        AscendVariable("HCCL_ALGO", .text),
        AscendVariable("HCCL_ASYNC_ERROR_HANDLING", .choice(["0", "1"])),
        AscendVariable("HCCL_BLOCKING_WAIT", .choice(["0", "1"])),
        AscendVariable("HCCL_DESYNC_DEBUG", .choice(["0", "1"])),
        AscendVariable("HCCL_CONCURRENT_ENABLE", .choice(["0", "1"])),
    ]

    private static let transport = [
        AscendVariable("HCCL_INTER_HCCS_DISABLE", .choice(["TRUE", "FALSE"])),
        AscendVariable("HCCL_INTRA_ROCE_ENABLE", .choice(["0", "1"])),
        AscendVariable("HCCL_INTRA_PCIE_ENABLE", .choice(["0", "1"])),
        AscendVariable("HCCL_LOGIC_SUPERPOD_ID", .text),
        AscendVariable("HCCL_RDMA_TC", .multiple(of: 4, 0...252)),
        AscendVariable("HCCL_RDMA_SL", .integer(0...7)),
        AscendVariable("HCCL_RDMA_TIMEOUT", .integer(5...20)),
        AscendVariable("HCCL_RDMA_RETRY_CNT", .integer(1...7)),
        AscendVariable("HCCL_RDMA_QPS_PER_CONNECTION", .integer(1...32)),
        AscendVariable("HCCL_RDMA_PCIE_DIRECT_POST_NOSTRICT", .choice(["TRUE", "FALSE"])),
        AscendVariable("HCCL_MULTI_QP_THRESHOLD", .integer(1...8192)),
        AscendVariable("HCCL_OP_RETRY_ENABLE", .text),
        AscendVariable("HCCL_OP_RETRY_PARAMS", .text),
    ]

    private static let diagnosis = [
        AscendVariable("HCCL_DFS_CONFIG", .text),
        AscendVariable("HCCL_DIAGNOSE_ENABLE", .choice(["0", "1"])),
        AscendVariable("HCCL_ENTRY_LOG_ENABLE", .choice(["0", "1"])),
        AscendVariable("HCCL_DEBUG_CONFIG", .text),
        AscendVariable("ASCEND_GLOBAL_LOG_LEVEL", .integer(0...4)),
        AscendVariable("ASCEND_GLOBAL_EVENT_ENABLE", .choice(["0", "1"])),
        AscendVariable("ASCEND_MODULE_LOG_LEVEL", .text),
        AscendVariable("ASCEND_SLOG_PRINT_TO_STDOUT", .choice(["0", "1", "2"])),
        AscendVariable("ASCEND_PROCESS_LOG_PATH", .text),
        AscendVariable("ASCEND_HOST_LOG_FILE_NUM", .integer(1...1000)),
        AscendVariable("ASCEND_LOG_DEVICE_FLUSH_TIMEOUT", .integer(0...180_000)),
        AscendVariable("ASCEND_LAUNCH_BLOCKING", .choice(["0", "1"])),
        AscendVariable("ASCEND_COREDUMP_SIGNAL", .text),
    ]

    private static let others = [
        AscendVariable("ASCEND_RT_VISIBLE_DEVICES", .devices),
        AscendVariable("ASCEND_VISIBLE_DEVICES", .text),
        AscendVariable("ASCEND_NPU_PHY_ID", .text),
        AscendVariable("ASCEND_MF_STORE_URL", .text),
        AscendVariable("ASCEND_MF_TRANSFER_PROTOCOL", .choice(["sdma", "device_rdma"])),
        AscendVariable("ASCEND_MF_LOG_LEVEL", .integer(0...3)),
        AscendVariable("ASCEND_USE_FA", .text), AscendVariable("ASCEND_USE_FIA", .text),
        AscendVariable("ASCEND_TOOLKIT_HOME", .text), AscendVariable("ASCEND_HOME_PATH", .text),
        AscendVariable("ASCEND_OPP_PATH", .text), AscendVariable("ASCEND_AICPU_PATH", .text),
        AscendVariable("ASCEND_CUSTOM_OPP_PATH", .text), AscendVariable("ASCEND_WORK_PATH", .text),
        AscendVariable("ASCEND_CACHE_PATH", .text), AscendVariable("ASCEND_DRIVER_PATH", .text),
    ]
}
