// The fields of agent.yaml, each with what it must be. Deploy/agent.yaml explains them to operators.

import Ascend
import Base
import ClusterState
import Doctor
import Glibc
import Node
import Planning
import Profiles
import Supervision
import YAML

/// Reads one configuration document.
struct ConfigurationReader {
    let root: YAMLReader
    /// Where relative paths start.
    let directory: String
    /// False to look at the rest, where it is known that there is no secret that can be used.
    let needsSecret: Bool
    let read: (String) throws(FileReadError) -> ConfigurationFile

    private static let fields = [
        "cluster", "nodes", "join", "node", "interface", "secret_file", "state_directory",
        "control_socket", "peer_port", "http_listen", "engine", "profile", "profile_file",
        "model_path", "overrides", "ascend_environment", "host_tuning", "launch_gate",
        "preflight", "isolation", "host_root", "timing",
    ]

    /// The configuration; nil where something was reported.
    func configuration() -> AgentConfiguration? {
        guard let fields = root.fields(Self.fields) else { return nil }
        let cluster = fields.required("cluster").flatMap(name)
        let nodes = fields.required("nodes").flatMap(self.nodes)
        let own = fields["node"].flatMap { ownNode($0, among: nodes) }
        let secret = needsSecret ? fields.required("secret_file").flatMap(self.secret) : []
        let profile = self.profile(fields)
        let engine = fields["engine"].map(self.engine) ?? .sglang
        let peerPort = fields["peer_port"].map { $0.port() } ?? 7600
        let (supervision, planGrace) = timing(fields["timing"])
        let modelPath = fields.required("model_path").flatMap(absolutePath)
        let environment =
            fields["ascend_environment"].map { $0.choice(of: AscendEnvironmentMode.names) }
            ?? "source"
        let hostTuning =
            fields["host_tuning"].map { $0.choice(of: HostTuningMode.names) } ?? "check"
        let gate = fields["launch_gate"].map { launchGate($0, nodes) } ?? .check(accepting: [])
        let preflight = fields["preflight"].map { $0.choice(of: PreflightMode.names) } ?? "off"
        let isolation = isolation(fields["isolation"])
        let listener = httpListener(fields["http_listen"])
        let joins = fields["join"].map { $0.boolean() } ?? false
        let interface = fields["interface"].flatMap(self.interface)
        guard let cluster, let nodes, let joins, let secret, let profile, let engine, let peerPort,
            let modelPath,
            let ascendEnvironment = environment.flatMap(AscendEnvironmentMode.init(rawValue:)),
            let mode = hostTuning.flatMap(HostTuningMode.init(rawValue:)),
            let launchGate = gate, let preflight = preflight.flatMap(PreflightMode.init(rawValue:))
        else { return nil }
        guard root.log.diagnostics.isEmpty else { return nil }
        let agentPorts = [peerPort] + (listener.map { [$0.port] } ?? [])
        // The file of a node that joins need not name all the others.
        if !joins { checkPlacement(of: profile, on: nodes, agentPorts: agentPorts, fields) }
        return AgentConfiguration(
            cluster: cluster, nodes: nodes, joins: joins, ownNode: own,
            interface: interface, secret: secret,
            stateDirectory: fields["state_directory"].flatMap(path) ?? "/var/lib/glm-agent",
            controlSocket: fields["control_socket"].flatMap(path)
                ?? "/run/glm-agent/agent.sock",
            peerPort: peerPort, httpListen: listener, engine: engine, profile: profile,
            modelPath: modelPath, ascendEnvironment: ascendEnvironment, hostTuning: mode,
            launchGate: launchGate, preflight: preflight, isolation: isolation,
            hostRoot: fields["host_root"].flatMap(absolutePath) ?? "/", supervision: supervision,
            planGrace: planGrace,
            places: places(fields))
    }

    /// Where the fields stand that only the node itself can judge.
    private func places(_ fields: YAMLFields) -> [String: SourceLocation] {
        var places = ["": root.node.location]
        for name in [
            "nodes", "node", "interface", "engine", "model_path", "http_listen", "state_directory",
            "host_root",
        ] {
            places[name] = fields[name]?.node.location
        }
        return places
    }

    // MARK: - Nodes

    private func nodes(_ reader: YAMLReader) -> [ConfiguredNode]? {
        guard let entries = reader.list(of: "addresses, or of {name, address, super_pod}") else {
            return nil
        }
        guard !entries.isEmpty else {
            reader.report("expected at least one node")
            return nil
        }
        var nodes: [ConfiguredNode] = []
        for entry in entries {
            guard let node = node(entry) else { continue }
            if nodes.contains(where: { $0.address == node.address }) {
                entry.report("the address \(node.address) is given twice")
            } else if nodes.contains(where: { $0.node == node.node }) {
                entry.report("the name \"\(node.node)\" is given twice")
            }
            nodes.append(node)
        }
        return nodes
    }

    private func node(_ entry: YAMLReader) -> ConfiguredNode? {
        guard entry.node.members != nil else {
            guard let address = address(entry) else { return nil }
            return ConfiguredNode(node: NodeID(address), address: address)
        }
        let fields = entry.fields(["name", "address", "super_pod"])
        guard let address = fields?.required("address").flatMap(address) else { return nil }
        let superPod = fields?["super_pod"]?.string(expected: "the super pod's ID")
        guard let nameReader = fields?["name"] else {
            return ConfiguredNode(node: NodeID(address), address: address, superPod: superPod)
        }
        return name(nameReader).map {
            ConfiguredNode(node: NodeID($0), address: address, superPod: superPod)
        }
    }

    private func address(_ reader: YAMLReader) -> String? {
        let expected = "an IPv4 or IPv6 address (engines are started with addresses, not names)"
        guard let text = reader.string(expected: expected) else { return nil }
        guard let address = NumericAddress(text) else {
            reader.reportExpected(expected)
            return nil
        }
        return address.text
    }

    private func ownNode(_ reader: YAMLReader, among nodes: [ConfiguredNode]?) -> NodeID? {
        guard let name = name(reader), let nodes else { return nil }
        let known = nodes.map(\.node.name)
        guard known.contains(name) else {
            reader.report(
                "there is no node \"\(name)\" in nodes\(suggestion(for: name, in: known))")
            return nil
        }
        return NodeID(name)
    }

    /// A deployment that can never be planned is a mistake of the file, not of the day.
    private func checkPlacement(
        of profile: Profile, on nodes: [ConfiguredNode], agentPorts: [UInt16], _ fields: YAMLFields
    ) {
        let candidates = nodes.map { $0.candidate(isUsable: true) }
        let outcome = Planner.plan(
            profile: profile, candidates: candidates, previous: nil, epoch: Epoch.none.next,
            agentPorts: agentPorts)
        if case .failure(let failure) = outcome {
            fields["nodes"]?.report("\(profile.name) cannot be placed: \(failure)")
        }
    }

    // MARK: - What runs

    private func engine(_ reader: YAMLReader) -> EngineKind? {
        guard reader.node.members != nil else {
            switch reader.choice(of: ["sglang", "rehearsal"]) {
            case "sglang": return .sglang
            case "rehearsal": return .rehearsal
            default: return nil
            }
        }
        let command = reader.fields(["command"])?.required("command")
        guard let command, let words = command.strings(of: "words of a command") else { return nil }
        guard !words.isEmpty else {
            command.report("expected at least one word")
            return nil
        }
        return .command(words)
    }

    private func profile(_ fields: YAMLFields) -> Profile? {
        let overrides = fields["overrides"].map { ProfileOverrides($0) } ?? ProfileOverrides.none
        let profile: Profile?
        switch (fields["profile"], fields["profile_file"]) {
        case (let named?, nil): profile = published(named)
        case (nil, let file?): profile = ownProfile(file)
        case (_?, let file?):
            file.report("expected either profile or profile_file, not both")
            return nil
        case (nil, nil):
            root.report("expected the field \"profile\" (a published name) or \"profile_file\"")
            return nil
        }
        guard let profile else { return nil }
        guard let overrides else {
            // What else is wrong with them is told as well.
            if let reader = fields["overrides"] {
                let rest = ProfileOverrides(judgeableOf: reader, for: profile)
                _ = collecting { () throws(ConfigurationError) in try profile.applying(rest) }
            }
            return nil
        }
        return collecting { () throws(ConfigurationError) in try profile.applying(overrides) }
    }

    private func published(_ reader: YAMLReader) -> Profile? {
        guard let name = reader.string(expected: "the name of a published profile") else {
            return nil
        }
        do throws(UnknownProfile) {
            return try ProfileCatalog.profile(named: name)
        } catch {
            reader.report("\(error)")
            return nil
        }
    }

    private func ownProfile(_ reader: YAMLReader) -> Profile? {
        guard let path = path(reader), let file = contents(of: path, for: reader) else {
            return nil
        }
        return collecting { () throws(ConfigurationError) in
            try Profile.parse(
                String(decoding: file.bytes, as: UTF8.self), file: path, suspicions: root.log)
        }
    }

    // MARK: - Files

    private func secret(_ reader: YAMLReader) -> [UInt8]? {
        guard let path = path(reader) else { return nil }
        let next =
            "copy the secret of the cluster here; for a new cluster, make it once and copy it to "
            + "every node: (umask 077; openssl rand -hex 32 > \(path))"
        guard let file = contents(of: path, for: reader, whatToDo: next) else { return nil }
        guard file.mode & 0o077 == 0 else {
            let mode = String(file.mode, radix: 8)
            reader.report("others may read \(path) (mode \(mode)); run: chmod 600 \(path)")
            return nil
        }
        let isSpace = { (byte: UInt8) in [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let trimmed = Array(
            file.bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        guard trimmed.count >= 32 else {
            reader.report(
                "\(path) has \(trimmed.count) bytes, and 32 are needed; \(next)")
            return nil
        }
        return trimmed
    }

    private func contents(
        of path: String, for reader: YAMLReader, whatToDo: String? = nil
    ) -> ConfigurationFile? {
        do throws(FileReadError) {
            return try read(path)
        } catch {
            reader.report("\(error)" + (whatToDo.map { "; \($0)" } ?? ""))
            return nil
        }
    }

    private func path(_ reader: YAMLReader) -> String? {
        guard let text = reader.string(expected: "a path"), !text.isEmpty else { return nil }
        return text.hasPrefix("/") ? text : "\(directory)/\(text)"
    }

    private func absolutePath(_ reader: YAMLReader) -> String? {
        guard let text = reader.string(expected: "a path") else { return nil }
        guard text.hasPrefix("/") else {
            reader.reportExpected("a path from /, since it is the same on every node")
            return nil
        }
        return text
    }

    // MARK: - Network and time

    private func httpListener(_ reader: YAMLReader?) -> Endpoint? {
        guard let reader else { return Endpoint(host: "127.0.0.1", port: 7601) }
        let expected = "ADDRESS:PORT, or off"
        guard let text = reader.string(expected: expected), text != "off" else { return nil }
        guard let endpoint = Endpoint(text: text) else {
            reader.reportExpected(expected)
            return nil
        }
        return endpoint
    }

    /// What `timing` sets, but for the budget.
    static let times = [
        "load_limit", "stop_grace", "stable_view", "unresponsive_after", "backoff_initial",
        "backoff_limit", "settle_after", "plan_grace", "obstacle_limit", "load_stall",
    ]

    private func timing(_ reader: YAMLReader?) -> (SupervisionPolicy, Duration) {
        var policy = SupervisionPolicy()
        var planGrace = Duration.seconds(30)
        let fields = reader?.fields(Self.times + ["restart_budget"])
        guard let fields else { return (policy, planGrace) }
        func duration(_ name: String, _ standard: Duration) -> Duration {
            fields[name].flatMap { $0.duration() } ?? standard
        }
        policy.loadLimit = duration("load_limit", policy.loadLimit)
        policy.stopGrace = duration("stop_grace", policy.stopGrace)
        policy.stableView = duration("stable_view", policy.stableView)
        policy.unresponsiveAfter = duration("unresponsive_after", policy.unresponsiveAfter)
        policy.loadStall = duration("load_stall", policy.loadStall)
        policy.obstacleLimit = duration("obstacle_limit", policy.obstacleLimit)
        policy.settleAfter = duration("settle_after", policy.settleAfter)
        policy.backoff = Backoff(
            initial: duration("backoff_initial", policy.backoff.initial),
            limit: duration("backoff_limit", policy.backoff.limit))
        if policy.backoff.limit < policy.backoff.initial {
            reader?.report("expected backoff_limit to be at least backoff_initial")
        }
        let budget = fields["restart_budget"].flatMap { $0.integer(in: 1...1000) }
        policy.restartBudget = budget ?? policy.restartBudget
        planGrace = duration("plan_grace", planGrace)
        return (policy, planGrace)
    }

    // MARK: - The launch gate

    private func launchGate(
        _ reader: YAMLReader, _ nodes: [ConfiguredNode]?
    ) -> LaunchGateMode? {
        guard reader.node.members != nil else {
            switch reader.choice(of: ["check", "off"]) {
            case "check": return .check(accepting: [])
            case "off": return .off
            default: return nil
            }
        }
        guard let fields = reader.fields(["accept", "always"]) else { return nil }
        guard let list = fields["always"] == nil ? fields.required("accept") : fields["accept"]
        else { return fields["always"]?.boolean().map { .check(accepting: [], always: $0) } }
        let accepted = list.list(of: "findings, each {check, node, die}")?.map {
            acceptedFinding($0, nodes)
        }
        let always = fields["always"].map { $0.boolean() } ?? false
        guard let accepted, let always, !accepted.contains(nil) else { return nil }
        return .check(accepting: accepted.compactMap { $0 }, always: always)
    }

    private func acceptedFinding(
        _ reader: YAMLReader, _ nodes: [ConfiguredNode]?
    ) -> AcceptedFinding? {
        guard let fields = reader.fields(["check", "node", "die"]),
            let number = fields.required("check")?.integer(in: 1...16),
            let check = Check(rawValue: number)
        else { return nil }
        let node = fields["node"].map { ownNode($0, among: nodes) }
        let die = fields["die"].map { $0.integer(in: 0...63) }
        if let die = fields["die"], node == nil {
            die.report("expected node beside die: a number alone would mean that die of every node")
            return nil
        }
        if node == .some(nil) || die == .some(nil) { return nil }
        return AcceptedFinding(
            check: check, node: node.flatMap { $0 }, die: die.flatMap { $0 }.map { DieID($0) })
    }

    // MARK: - Small things

    private func name(_ reader: YAMLReader) -> String? {
        let expected = "a name of letters, digits, dots, hyphens and underscores"
        guard let text = reader.string(expected: expected) else { return nil }
        guard text.isSafeName else {
            reader.reportExpected(expected)
            return nil
        }
        return text
    }

    private func interface(_ reader: YAMLReader) -> String? {
        let expected = "the name of a network interface, at most 15 characters"
        guard let text = reader.string(expected: expected) else { return nil }
        guard text.isInterfaceName else {
            reader.reportExpected(expected)
            return nil
        }
        return text
    }

    /// The value, with what was wrong of it added to the log.
    private func collecting<Value>(
        _ make: () throws(ConfigurationError) -> Value
    ) -> Value? {
        do throws(ConfigurationError) {
            return try make()
        } catch {
            for diagnostic in error.diagnostics {
                root.log.report(
                    diagnostic.message, at: diagnostic.location, field: diagnostic.field)
            }
            return nil
        }
    }
}

extension AscendEnvironmentMode {
    fileprivate static let names = allCases.map(\.rawValue)
}

extension PreflightMode {
    fileprivate static let names = allCases.map(\.rawValue)
}

extension HostTuningMode {
    fileprivate static let names = allCases.map(\.rawValue)
}
