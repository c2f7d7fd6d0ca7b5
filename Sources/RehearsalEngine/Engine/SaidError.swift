// Errors in the words of those who say them on real nodes, so that what reads logs is rehearsed too.

/// An error that an engine can be told to die of.
enum SaidError: String, Hashable, Sendable, CaseIterable {
    case npuMemory = "npu-memory"
    case hostPort = "host-port"
    case tls
    case linkTimeout = "link-timeout"
    case missingRanks = "missing-ranks"
    case heartbeat
    case transferEngine = "transfer-engine"
    case portInUse = "port-in-use"
    case weights
    case unknown

    /// What the scheduler of one device writes: a traceback, mostly. Its last line is the error.
    /// - Parameters:
    ///   - device: of the node.
    ///   - accused: another device, as world rank.
    ///   - address: of the accused device's host.
    /// - Returns: the lines, the head of a traceback without who says it and when.
    func lines(device: Int, accused: Int, address: String) -> [String] {
        switch self {
        case .npuMemory:
            traceback(
                "RuntimeError: NPU out of memory. Tried to allocate 2.50 GiB (NPU \(device); 61.27 GiB "
                    + "total capacity; 58.80 GiB already allocated; 1.02 GiB free)")
        case .hostPort:
            traceback(
                "RuntimeError: [PID: 0] EI0019: The IP address 0.0.0.0 and port 60000 have already been "
                    + "bound. Failed to listen, device \(device)")
        case .tls:
            traceback(
                "RuntimeError: EI0016: The TLS switch of rank \(accused) differs from the others")
        case .linkTimeout:
            [
                "[ERROR] HCCL: wait socket establish timeout, role[0] rank[\(device)] timeout[120 s]",
                "[ERROR] HCCL: | \(address)(\(accused)) | 16666 | 10.0.0.1(\(device)) | 0 | server | "
                    + "time out | DISABLE |",
            ]
                + traceback(
                    "RuntimeError: EI0006: Getting socket times out. Reason: the remote is silent")
        case .missingRanks:
            [
                "[ERROR] HCCL: TopoDetect ERROR occur! fault_info[\"Failed to connect agent[\(accused),]\"]"
            ] + traceback("RuntimeError: EI0015: Some ranks are not connected to the root")
        case .heartbeat:
            [
                "[ERROR] HCCL: Cluster Exception Location[IP/ID]:[\(address)/\(accused % 16)], "
                    + "ExceptionType:[Heartbeat Lost Occurred], Possible Reason:1. Process has exited"
            ]
        case .transferEngine:
            traceback("RuntimeError: Ascend Transfer Engine initialization failed.")
        case .portInUse: traceback("ValueError: Port is already in use. nccl_port=5000")
        case .weights:
            traceback("RuntimeError: Cannot find any model weights with `/models/nothing`")
        case .unknown: traceback("KeyError: 'something nobody has seen before'")
        }
    }

    private func traceback(_ error: String) -> [String] {
        [
            "Scheduler hit an exception: Traceback (most recent call last):",
            "  File \"scheduler.py\", line 1, in run_scheduler_process",
            "    scheduler.event_loop()",
            "                         ^",
            error,
        ]
    }
}
