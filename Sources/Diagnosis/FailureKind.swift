// What an error of the engine means, as data. The codes are those of Huawei's HCCL (its guide and the
// error codes of hcomm), the others are texts of torch_npu, torch.distributed, MemFabric and SGLang. Each
// says what it usually means, because most of them are told by a rank that is well and waits for
// another one.

/// A kind of failure.
public struct FailureKind: Hashable, Sendable {
    /// What a sighting of it says about the rank that tells it.
    public enum Role: String, Hashable, Sendable, CaseIterable {
        /// Something is wrong here.
        case cause
        /// The process ended, or raised something that is not known; why must be read there.
        case unknown
        /// Another rank does not answer: it is missing, has ended or hangs.
        case witness
        /// What follows on the end of another rank or of an own process; it explains nothing.
        case consequence
    }

    /// Stable, for scripts: `EI0006`, `npu-memory`.
    public let id: String
    /// For people, in a few words.
    public let title: String
    public let role: Role
    public let meaning: String
    public let remedy: String
    /// Engines also warn of it and go on, as of an optional module that is not there, or of a port that
    /// the next of a range stands in for. It explains an end only shortly before it.
    let isSurvivable: Bool
    /// Texts that give it away.
    let patterns: [String]

    init(
        _ id: String, _ role: Role, _ title: String, isSurvivable: Bool = false, meaning: String,
        remedy: String, _ patterns: [String]
    ) {
        self.id = id
        self.title = title
        self.role = role
        self.isSurvivable = isSurvivable || role == .unknown
        self.meaning = meaning
        self.remedy = remedy
        self.patterns = patterns
    }

    /// The kind of that name. A newer agent may know more of them: of one that is unknown here, its
    /// name is told.
    public static func named(_ id: String) -> FailureKind {
        byID[id]
            ?? FailureKind(
                id, .unknown, id, meaning: "a kind of failure that this agent does not know",
                remedy: "ask an agent of the newest version", [])
    }

    private static let byID = Dictionary(
        uniqueKeysWithValues: all.map { ($0.id, $0) })

    /// Every kind. Of several in one line, the first counts: those that say more stand before.
    public static let all =
        hcclNaming + hccl + memory + launch + world + runtime + starts + seen + consequences

    static let patterns = PatternSet<FailureKind>(
        all.flatMap { kind in kind.patterns.map { ($0, kind) } })

    /// The end of a process, as its shim saw it.
    public static let ended = FailureKind.named("ended")
    /// The engine's process could not even be started.
    public static let notStarted = FailureKind.named("not-started")
    /// What an agent itself has seen of a process or a node, and no log tells.
    public static let schedulerLost = FailureKind.named("scheduler-lost")
    public static let stopped = FailureKind.named("process-stopped")
    public static let inKernel = FailureKind.named("process-stuck")
    public static let nodeLost = FailureKind.named("node-lost")
    /// The last line of a traceback that nothing else matches.
    public static let exception = FailureKind.named("exception")
}

/// The texts around a numeric code of the ACL runtime, which alone could be any number.
private func runtimeCode(_ code: String) -> [String] {
    [
        "error code is \(code)", "error code: \(code)", "error code \(code)", "errorCode=\(code)",
        "ret[\(code)]", "ret=\(code)", "ret:\(code)", "retCode=\(code)", "ErrCode=\(code)",
    ]
}

// MARK: - HCCL

extension FailureKind {
    /// Those that name who is to blame.
    private static let hcclNaming = [
        FailureKind(
            "heartbeat-lost", .witness, "a rank's heartbeat is lost",
            meaning:
                "the named device has stopped beating: its process ended, its host is gone or stuck, or "
                + "the link to it broke",
            remedy:
                "look at the named rank first: its log, its process, its link (`glm-agent doctor`)",
            ["Heartbeat Lost Occurred"]),
        FailureKind(
            "stuck", .witness, "a rank is stuck",
            meaning: "the named device lives and makes no progress in a collective",
            remedy:
                "look at the named rank first: its host process may hang, or its die may be ill "
                + "(`npu-smi info`); `glm-agent restart GROUP` ends the collective",
            ["Stuck Occurred"]),
        FailureKind(
            "EI0015", .witness, "ranks did not come to the meeting",
            meaning:
                "the root of the communicator waited for ranks that never connected: they were not "
                + "started, have ended, or chose another host interface",
            remedy:
                "see what the named ranks said; compare HCCL_IF_IP and HCCL_SOCKET_IFNAME of their nodes "
                + "and the firewall between the hosts (`glm-agent doctor`)",
            [
                "EI0015", "Failed to connect agent[", "topo exchange server get socket timeout",
                "total connected num is [", "connected rankinfo[LINE",
            ]),
        FailureKind(
            "EI0006", .witness, "no link to a rank over the fabric",
            meaning:
                "a socket between two dies was not established in time (HCCL_CONNECT_TIMEOUT): the "
                + "other rank died or came late, or the fabric between them is broken; of many, the "
                + "earliest pair counts",
            remedy:
                "look for a rank that failed before; else check that both nodes are in one super pod, the "
                + "virtual NICs are up and the TLS switches equal (`glm-agent doctor`), and that nothing of an "
                + "older launch is left on any node",
            [
                "EI0006", "wait socket establish timeout", "LINK_ERROR_INFO", "| time out |",
                "LinksEstablishCompleted] is failed",
            ]),
    ]

    private static let hccl = [
        FailureKind(
            "EI0001", .cause, "an environment variable of HCCL has a bad value",
            meaning: "HCCL refuses a value of an HCCL_ variable",
            remedy: "mend the variable that the line names, in the profile or in `overrides`",
            ["EI0001"]),
        FailureKind(
            "EI0002", .witness, "a collective waited too long",
            meaning:
                "no notify came from another rank within HCCL_EXEC_TIMEOUT: that rank died, hangs or "
                + "computes something else",
            remedy: "look for the rank that failed or fell silent before", ["EI0002"]),
        FailureKind(
            "EI0003", .cause, "a collective was called with bad arguments",
            meaning: "an operator's arguments are not valid",
            remedy: "compare the versions of CANN, torch_npu and SGLang with the profile's",
            ["EI0003"]),
        FailureKind(
            "rank-table", .cause, "the rank table is wrong",
            meaning: "the table of ranks does not fit what is there, or super pods are mixed",
            remedy: "unset RANK_TABLE_FILE (SGLang needs none), and keep a group in one super pod "
                + "(`glm-agent doctor`)", ["EI0004", "EI0014", "EI0017"]),
        FailureKind(
            "EI0005", .cause, "ranks were started with different settings",
            meaning:
                "parameters that must be equal on all ranks differ, mostly HCCL_BUFFSIZE or the operator",
            remedy: "make the environments of all nodes equal; `glm-agent doctor` compares them",
            ["EI0005"]),
        FailureKind(
            "EI0007", .cause, "HCCL got no memory or other resource of the NPU",
            meaning: "the die has no memory or resource left for a communicator",
            remedy:
                "see who holds the die (`glm-agent doctor`); lower HCCL_BUFFSIZE or --mem-fraction-static",
            ["EI0007", "EI0011"]),
        FailureKind(
            "EI0008", .cause, "versions of HCCL differ between ranks",
            meaning: "the nodes have different CANN packages",
            remedy: "install the same CANN on all nodes; the line names both versions", ["EI0008"]),
        FailureKind(
            "EI0009", .cause, "a network port of the NPU is down",
            meaning: "the transport between dies could not be set up",
            remedy:
                "check links and virtual NICs of the die (`glm-agent doctor`, hccn_tool -vnic -g)",
            ["EI0009"]),
        FailureKind(
            "EI0010", .cause, "dies of one node cannot reach each other",
            meaning: "peer-to-peer access between two dies was refused",
            remedy: "check the node's topology (npu-smi info -t topo) and its driver", ["EI0010"]),
        FailureKind(
            "EI0012", .witness, "a copy between dies failed",
            meaning:
                "SDMA over HCCS failed: on an A3 the link broke, or the process of the other rank has "
                + "gone away",
            remedy:
                "look for a rank that failed before; else check the fabric (`glm-agent doctor`)",
            ["EI0012"]),
        FailureKind(
            "EI0013", .cause, "an RDMA operation failed",
            meaning: "RoCE reported a completion error: a link or a switch lost packets",
            remedy:
                "check the optical links and switch ports (hccn_tool -link_stat -g, -optical -g)",
            ["EI0013"]),
        FailureKind(
            "EI0016", .cause, "TLS switches of dies differ",
            meaning: "some dies want TLS on the fabric and others do not",
            remedy: "set all dies of all nodes alike: hccn_tool -i N -tls -s enable 0", ["EI0016"]),
        FailureKind(
            "EI0019", .cause, "a host port of HCCL is taken",
            meaning:
                "HCCL's ports, 60000 and up by default, lie in the ephemeral range: any connection of "
                + "the host may hold one; or an older process is left",
            remedy:
                "reserve them (sysctl net.ipv4.ip_local_reserved_ports=60000-60031), and end what holds "
                + "the port (`glm-agent doctor` names it)", ["EI0019", "EJ0003"]),
        FailureKind(
            "EI0020", .cause, "the port of the NPU's own NIC is taken",
            meaning: "two processes use one die: port 16666 of its NIC is bound already",
            remedy:
                "end the other process on that die (`glm-agent doctor` names it); it may be left over",
            ["EI0020"]),
        FailureKind(
            "host-interface", .cause, "the host interface for HCCL is not there",
            meaning:
                "HCCL_SOCKET_IFNAME names no interface with an address; a bare name is a prefix",
            remedy: "set `interface:` to the interface that carries the node's address",
            ["get host ip fail by socket Ifname", "get host ip fail"]),
    ]
}

// MARK: - Memory and devices

extension FailureKind {
    private static let memory = [
        FailureKind(
            "npu-memory", .cause, "out of memory on the NPU",
            meaning:
                "the die's memory does not suffice for weights, cache and communicators, or somebody "
                + "else holds some of it",
            remedy: "see who holds the die (`glm-agent doctor`); else lower --mem-fraction-static, "
                + "--max-running-requests, the graph batch sizes or HCCL_BUFFSIZE",
            [
                "NPU out of memory", "out of memory. Tried to allocate",
                "Not enough memory. Please try",
                "Decode out of memory", "Prefill out of memory",
            ] + runtimeCode("207001") + runtimeCode("507899")),
        FailureKind(
            "host-memory", .cause, "out of memory on the host",
            meaning: "the host, or the control group of the engine, has no memory left",
            remedy: "see what uses it (free -g, dmesg); raise the limit of the control group",
            ["can't allocate memory", "Cannot allocate memory", "std::bad_alloc", "MemoryError"]),
        FailureKind(
            "space", .cause, "no space left",
            meaning: "a file system is full; mostly /dev/shm, which 16 schedulers share",
            remedy: "df -h; give /dev/shm tens of gigabytes (--shm-size in a container)",
            ["No space left on device", "Bus error"]),
        FailureKind(
            "die-exception", .cause, "a kernel failed on the die",
            meaning:
                "an AI core, vector core or AI CPU raised an exception: a faulty kernel for these "
                + "shapes, bad memory, or an ill die",
            remedy:
                "npu-smi info -t health on that die; if it is well, compare CANN, torch_npu and "
                + "sgl-kernel-npu with the profile's versions",
            ["aicore exception", "aivec error", "aicpu exception"] + runtimeCode("507015")
                + runtimeCode("507018") + runtimeCode("507034") + runtimeCode("507035")),
        FailureKind(
            "die-lost", .cause, "a die cannot be opened",
            meaning: "the driver gives no access to the die: it is gone, being reset, or held",
            remedy: "npu-smi info; see who holds it (`glm-agent doctor`)",
            ["drvErr=", "device open failed"] + runtimeCode("507033") + runtimeCode("107001")),
    ]
}

// MARK: - The launch

extension FailureKind {
    private static let launch = [
        FailureKind(
            "transfer-engine", .cause, "the transfer engine could not be initialised",
            meaning:
                "the rank did not reach the MemFabric store at ASCEND_MF_STORE_URL within two minutes: the "
                + "prefill that owns it is not up, or the address or port is wrong",
            remedy: "see that rank 0 of the first prefill runs and that its store port is reached "
                + "(`glm-agent doctor`); restart that prefill before this group",
            ["Transfer Engine initialization failed"]),
        FailureKind(
            "worker-ports", .witness, "rank 0 did not hand out its ports",
            meaning: "this node waited ten minutes for rank 0 of the group",
            remedy:
                "see what rank 0 said, and whether its dist-init port is reached (`glm-agent doctor`)",
            ["Failed to receive worker ports"]),
        FailureKind(
            "port-in-use", .cause, "a port is in use", isSurvivable: true,
            meaning:
                "another process, often one of an older launch, holds a port that the engine needs",
            remedy:
                "see who holds it (`glm-agent doctor`, ss -ltnp); do not launch beside another SGLang",
            [
                "Port is already in use", "Address already in use", "address already in use",
                "[Errno 98]", "EADDRINUSE",
            ]),
        FailureKind(
            "no-dist-init", .cause, "the ranks have no address to meet at",
            meaning: "--dist-init-addr is missing though the group has several nodes",
            remedy:
                "add it to the profile; the published mixed profile lacks it and is mended here",
            ["Empty address string"]),
        FailureKind(
            "weights-broken", .cause, "a file of the weights cannot be read",
            meaning: "a file is cut short or damaged: the copy was interrupted",
            remedy:
                "compare sizes and checksums with another node (`glm-agent doctor`), and copy it anew",
            [
                "SafetensorError", "MetadataIncompleteBuffer", "HeaderTooLarge",
                "InvalidHeaderDeserialization",
            ]
        ),
        FailureKind(
            "weights-missing", .cause, "the weights are not there",
            meaning: "the model path does not hold the weights on this node",
            remedy: "the path must be the same on every node: mount or copy the weights "
                + "(`glm-agent doctor` compares them)",
            [
                "Cannot find any model weights", "No model weights found",
                "Incorrect path_or_model_id",
                "is not a valid model identifier", "does not appear to have a file named",
                "Can't load the configuration of", "Can't load tokenizer for",
            ]),
        FailureKind(
            "arguments", .cause, "SGLang refuses the command line",
            meaning: "the installed SGLang does not know a flag, or not with this value",
            remedy:
                "install the SGLang that the profile names, or set `sglang:` so that flags are translated",
            [
                "error: unrecognized arguments", "error: ambiguous option", "error: argument -",
                "error: the following arguments are required",
            ]),
        FailureKind(
            "software", .cause, "software is missing or does not fit together",
            isSurvivable: true,
            meaning:
                "a Python module or library is missing, or of another version than its users expect",
            remedy:
                "check the `source:` files of the profile and the installed packages against its versions",
            [
                "ModuleNotFoundError", "ImportError", "undefined symbol",
                "cannot open shared object file",
            ]),
        FailureKind(
            "bootstrap", .cause, "a prefill rank could not register",
            meaning: "the bootstrap server on rank 0 of the prefill did not answer",
            remedy: "see whether its port is free and reached (`glm-agent doctor`)",
            ["failed to register to bootstrap server"]),
    ]
}

// MARK: - Between ranks, and while running

extension FailureKind {
    private static let world = [
        FailureKind(
            "meeting", .witness, "the ranks did not meet",
            meaning:
                "torch.distributed waited for ranks that did not come, or could not reach rank 0",
            remedy:
                "see which rank is missing and what it said; check that the dist-init address is reached",
            [
                "DistStoreError", "clients joined", "The client socket has timed out",
                "client socket has failed to connect", "DistNetworkError",
            ]),
        FailureKind(
            "collective-timeout", .witness, "a rank waited too long for others",
            meaning: "an operation over all ranks did not end in time",
            remedy: "look for the rank that failed or fell silent before",
            [
                "Timed out waiting", "wait timeout after",
                "Watchdog caught collective operation timeout",
            ]),
    ]

    private static let runtime = [
        FailureKind(
            "watchdog", .witness, "a batch did not end in time",
            meaning:
                "SGLang's watchdog ended a scheduler whose batch hung: it waits for another rank, or its "
                + "die hangs",
            remedy:
                "look for the rank that failed or fell silent before; else for an ill die (`npu-smi info`)",
            ["watchdog timeout"]),
        FailureKind(
            "crashed", .cause, "a process crashed",
            meaning: "native code failed: a library, a driver, or an abort",
            remedy:
                "read the lines before it (`glm-agent logs`); look for a core file and at dmesg",
            [
                "Fatal Python error", "Segmentation fault", "Aborted (core dumped)",
                "double free or corruption",
            ]),
        FailureKind(
            "warmup", .unknown, "the warm-up failed",
            meaning: "the first request after the load was not answered",
            remedy: "read the exception behind it (`glm-agent logs`)",
            ["Initialization failed. warmup error"]),
        FailureKind(
            "exception", .unknown, "an exception that is not known",
            meaning:
                "a process of the engine raised something that this agent has no explanation for",
            remedy: "read the traceback (`glm-agent logs`)", []),
        FailureKind(
            "ended", .unknown, "the process ended without saying why",
            meaning:
                "it was killed from outside (by the kernel for want of memory, or by somebody), or died in "
                + "native code",
            remedy: "look at dmesg on that node for the OOM killer and the NPU driver", []),
    ]

    private static let starts = [
        FailureKind(
            "not-started", .cause, "the engine could not be started",
            meaning: "its shim, its command or its profile cannot be used on this node",
            remedy: "mend what the line names (`glm-agent check` on that node), then "
                + "`glm-agent restart GROUP`", [])
    ]

    /// Their line is in the cause of an end already.
    static let seenByAgents: Set<String> = [
        "ended", "scheduler-lost", "process-stopped", "process-stuck", "node-lost",
    ]

    /// Told by agents; no line of a log gives them away.
    private static let seen = [
        FailureKind(
            "scheduler-lost", .unknown, "a scheduler ended, and the engine's main process did not",
            meaning:
                "the process that drives a die was killed (mostly by the kernel, for want of host memory) or "
                + "died in native code; SGLang does not start it anew and may go on to call itself healthy",
            remedy:
                "look at dmesg on that node for the OOM killer, and at the state of the die "
                + "(`npu-smi info`, `glm-agent doctor`)", []),
        FailureKind(
            "process-stopped", .cause, "a process of the engine is stopped",
            meaning:
                "somebody sent it SIGSTOP, or a debugger holds it: it runs no instruction, and every other "
                + "rank waits for it",
            remedy:
                "find out who stopped it (a debugger, a profiler, job control of a shell); the restart has "
                + "ended it, and nothing else needs to be done", []),
        FailureKind(
            "process-stuck", .unknown, "a process of the engine does not come back from the kernel",
            meaning:
                "a call into a driver or a file system does not return: the NPU driver, or storage that does "
                + "not answer",
            remedy:
                "look at dmesg on that node, at the die (`npu-smi info`) and at the mount of the weights; "
                + "if SIGKILL does not end the process, only a reboot of the node does", []),
        FailureKind(
            "node-lost", .cause, "the node is gone",
            meaning:
                "neither its agent nor its host answers: it is down, has restarted, or is cut off from the "
                + "others",
            remedy:
                "look whether the host runs and can be reached (its console, `ping`); start the agent there "
                + "if it does not run. A spare takes its place, where there is one", []),
    ]

    private static let consequences = [
        FailureKind(
            "stream-timeout", .consequence, "a stream waited in vain",
            meaning: "a task on the die did not end, mostly because another rank has gone",
            remedy: "look for the rank that failed before",
            runtimeCode("507011") + runtimeCode("507046") + runtimeCode("507048")),
        FailureKind(
            "peer-closed", .consequence, "another rank closed its connection",
            meaning: "a peer's process has ended",
            remedy: "look for the rank that failed before",
            [
                "Connection closed by peer", "Connection reset by peer", "Broken pipe",
                "Socket Timeout", "Connection refused",
            ]),
        FailureKind(
            "child-failed", .consequence, "a child of the engine failed",
            meaning: "SGLang ends the whole engine of a node when one process of it ends",
            remedy: "look for the error before it",
            [
                "Received sigquit from a child process", "SIGQUIT received",
                "Triggering SIGQUIT for cleanup", "Initialization failed. Please see the error",
                "scheduler is dead", "scheduler died",
            ]),
    ]
}
