// The part of `python3 -m sglang_router.launch_router`'s command line that the rehearsal router
// plays (sglang-router 0.3.2). Policies are accepted and all become round robin: which worker is
// taken does not matter to a known answer, that each one is taken does.

import Base

/// One engine as the router knows it.
struct WorkerAddress: Hashable, Sendable {
    let kind: WorkerKind
    /// `http://host:port`, without a slash at its end.
    let url: String
    /// Prefill only; nil where the command line gives none.
    let bootstrapPort: UInt16?

    /// - Throws: check, where it is no URL of an engine.
    init(_ kind: WorkerKind, url: String, bootstrapPort: UInt16? = nil) throws(ArgumentError) {
        guard let endpoint = Endpoint(url: url, scheme: "http") else {
            throw .check("worker URL '\(url)' is not http://host:port")
        }
        self.kind = kind
        self.url = "http://\(endpoint)"
        self.bootstrapPort = bootstrapPort
    }

    /// What decode is told to fetch from.
    var host: String { Endpoint(url: url, scheme: "http")?.host ?? "" }
}

/// What an engine is to the router.
enum WorkerKind: String, Hashable, Sendable {
    case prefill, decode, regular
}

/// The arguments of a router.
struct RouterArguments: Hashable, Sendable {
    let listen: Endpoint
    let isDisaggregated: Bool
    let workers: [WorkerAddress]
    let startupTimeout: Duration
    let requestTimeout: Duration

    /// - Parameter argv: the words after `sglang_router.launch_router`.
    /// - Throws: ``ArgumentError`` with the exit code that the router would give.
    init(parsing argv: [String]) throws(ArgumentError) {
        let flags = try FlagList(parsing: argv)
        isDisaggregated = flags.has("--pd-disaggregation")
        listen = Endpoint(
            host: try flags.text(["--host"]) ?? "0.0.0.0",
            port: try flags.port(["--port"]) ?? 30000)
        let policies = ["random", "round_robin", "cache_aware", "power_of_two", "manual", "bucket"]
        for name in ["--policy", "--prefill-policy", "--decode-policy"] {
            _ = try flags.choice([name], of: policies)
        }
        startupTimeout = .seconds(try flags.integer(["--worker-startup-timeout-secs"]) ?? 1800)
        requestTimeout = .seconds(try flags.integer(["--request-timeout-secs"]) ?? 1800)
        workers = try Self.workers(flags, isDisaggregated: isDisaggregated)
    }

    private static func workers(
        _ flags: FlagList, isDisaggregated: Bool
    ) throws(ArgumentError) -> [WorkerAddress] {
        var workers: [WorkerAddress] = []
        guard isDisaggregated else {
            for url in flags.uses(["--worker-urls"]).flatMap(\.values) {
                workers.append(try WorkerAddress(.regular, url: url))
            }
            return workers
        }
        for flag in flags.uses(["--prefill"]) {
            workers.append(try prefill(flag))
        }
        for flag in flags.uses(["--decode"]) {
            guard flag.values.count == 1 else {
                throw .usage("argument --decode: expected one argument")
            }
            workers.append(try WorkerAddress(.decode, url: flag.values[0]))
        }
        return workers
    }

    private static func prefill(_ flag: FlagList.Flag) throws(ArgumentError) -> WorkerAddress {
        guard (1...2).contains(flag.values.count) else {
            throw .usage("argument --prefill: expected a URL and at most a bootstrap port")
        }
        let port = flag.values.count > 1 ? flag.values[1] : "none"
        guard port.lowercased() != "none" else {
            return try WorkerAddress(.prefill, url: flag.values[0])
        }
        guard let number = UInt16(port) else {
            throw .usage("argument --prefill: invalid bootstrap port '\(port)'")
        }
        return try WorkerAddress(.prefill, url: flag.values[0], bootstrapPort: number)
    }
}
