// What an engine takes from its environment: SGLang's own variables, and those of the rehearsal.

import Base

/// The environment of an engine, read once.
struct EngineSettings: Sendable {
    enum PeerLoss: String {
        /// Kills itself, as SGLang mostly does.
        case exit
        /// Lives on without answering, as a rank in a collective with a long timeout does.
        case hang
    }

    // SGLang, HCCL and MemFabric.
    let hostAddress: String?
    let storeURL: String?
    /// By variable, the interfaces that collectives are told to use.
    let interfaces: [String: String]
    let healthTimeout: Duration
    let portTimeout: Duration
    /// How long prefill keeps a finished prompt for decode.
    let bootstrapTimeout: Duration
    /// How long decode waits for a prompt.
    let waitingTimeout: Duration

    // Rehearsal.
    let loadTime: Duration
    let warmupTime: Duration
    let peerLoss: PeerLoss
    /// From the loss of a peer to the end.
    let peerLossTime: Duration
    let storeAttempts: Int
    /// The pace of writing; zero for as fast as it goes.
    let tokenInterval: Duration
    let faults: [TargetedFault]

    /// - Throws: check, where a value cannot be read.
    init(_ environment: [String: String]) throws(ArgumentError) {
        let reader = EnvironmentReader(environment)
        hostAddress = reader.text("SGLANG_HOST_IP") ?? reader.text("HOST_IP")
        storeURL = reader.text("ASCEND_MF_STORE_URL")
        interfaces = ["GLOO_SOCKET_IFNAME", "HCCL_SOCKET_IFNAME"].reduce(into: [:]) {
            $0[$1] = reader.text($1)
        }
        healthTimeout = try reader.seconds("SGLANG_HEALTH_CHECK_TIMEOUT", 20)
        portTimeout = try reader.seconds("SGLANG_WAIT_PORT_TIMEOUT", 30)
        bootstrapTimeout = try reader.seconds("SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT", 300)
        waitingTimeout = try reader.seconds("SGLANG_DISAGGREGATION_WAITING_TIMEOUT", 300)
        loadTime = try reader.seconds("GLM_REHEARSAL_LOAD_SECONDS", 2)
        warmupTime = try reader.seconds("GLM_REHEARSAL_WARMUP_SECONDS", 0.3)
        let loss = reader.text("GLM_REHEARSAL_PEER_LOSS") ?? PeerLoss.exit.rawValue
        guard let peerLoss = PeerLoss(rawValue: loss) else {
            throw .check("GLM_REHEARSAL_PEER_LOSS is '\(loss)', not exit or hang")
        }
        self.peerLoss = peerLoss
        peerLossTime = try reader.seconds("GLM_REHEARSAL_PEER_LOSS_SECONDS", 0.2)
        storeAttempts = Int(try reader.number("GLM_REHEARSAL_STORE_ATTEMPTS", 120))
        tokenInterval = try reader.seconds("GLM_REHEARSAL_TOKEN_SECONDS", 0)
        faults = try TargetedFault.list(reader.text("GLM_REHEARSAL_FAULT") ?? "")
    }
}

/// Reads variables; an empty one counts as absent.
private struct EnvironmentReader {
    let environment: [String: String]

    init(_ environment: [String: String]) {
        self.environment = environment
    }

    func text(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func number(_ name: String, _ otherwise: Double) throws(ArgumentError) -> Double {
        guard let text = text(name) else { return otherwise }
        guard let number = Double(text), (0...1e9).contains(number) else {
            throw .check("\(name) is '\(text)', which is no number from 0 up")
        }
        return number
    }

    func seconds(_ name: String, _ otherwise: Double) throws(ArgumentError) -> Duration {
        .seconds(try number(name, otherwise))
    }
}
