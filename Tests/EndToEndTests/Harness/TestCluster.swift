// A cluster of real agents, each a child of the tests, on addresses that no other test has. Whatever
// happens to the test, everything that was started is ended, and it is proved that nothing is left.

import Base
import EventLoop
import Glibc
import Host
import Synchronization
import Testing

final class TestCluster {
    let loop: Loop
    let settings: ClusterSettings
    let directory: String
    let nodes: [TestNode]
    let schema: StatusSchema
    private(set) var agents: [TestNode: ChildProcess] = [:]
    private var commandCount = 0
    private var commands: [Command] = []

    /// Starts a cluster, runs the test on it, and ends it.
    static func run(
        _ settings: ClusterSettings = ClusterSettings(),
        prepare: (TestCluster) throws -> Void = { try $0.startAll() },
        _ body: (TestCluster) throws -> Void
    ) throws {
        let cluster = try TestCluster(settings)
        do {
            try prepare(cluster)
            try body(cluster)
        } catch {
            Issue.record("\(error)\n\(cluster.story)")
        }
        let left = cluster.end()
        #expect(left.isEmpty, "still there: \(left)")
    }

    private init(_ settings: ClusterSettings) throws {
        self.settings = settings
        loop = try Loop()
        schema = try StatusSchema.published()
        let directory = try Self.makeDirectory()
        self.directory = directory
        let network = Self.nextNetwork()
        nodes = (1...settings.topology.nodeCount + settings.spares).map {
            TestNode(
                name: "node-\($0)", address: "\(network).\($0)",
                directory: "\(directory)/node-\($0)")
        }
        for node in nodes {
            try Files.makeDirectories(node.directory, permissions: 0o700)
            let text = settings.configuration(of: node, among: nodes, in: directory)
            try Files.replace(node.configuration, with: Array(text.utf8))
            try setSecret(of: node, to: "the secret that all nodes of this cluster share")
        }
        if let text = settings.profileFile {
            try Files.replace("\(directory)/profile.yaml", with: Array(text.utf8))
        }
    }

    static func makeDirectory() throws -> String {
        var template = Array("/tmp/glm-e2e-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TestFailure("no temporary directory") }
        return String(cString: made)
    }

    /// Tests of several working copies may run on one machine, so the process number is part of it.
    private static func nextNetwork() -> String {
        let number = networkCount.withLock { count in
            count += 1
            return count
        }
        return "127.\(100 + Int(getpid()) % 150).\(number)"
    }

    func setSecret(of node: TestNode, to text: String) throws {
        try Files.replace("\(node.directory)/secret", with: Array(text.utf8), permissions: 0o600)
    }

    // MARK: - Agents

    func startAll() throws {
        for node in nodes { try start(node) }
    }

    /// Starts the agent of a node, with these variables beside those of the tests.
    func start(_ node: TestNode, environment: [String: String] = [:]) throws {
        let log = try OpenFile(node.log, .append, permissions: 0o600)
        var words = environment.map { "\($0.key)=\($0.value)" }.sorted()
        words += [Command.program, "run", "--config", node.configuration]
        agents[node] = try ChildProcess(
            loop,
            ChildSpecification(
                executable: "/usr/bin/env", arguments: words,
                descriptors: [.null, .inherit(log.descriptor), .inherit(log.descriptor)],
                isDetached: true)
        ) { _ in }
    }

    /// Sends the agent of a node a signal, and waits for its end.
    func end(_ node: TestNode, signal: Int32) throws {
        guard let agent = agents.removeValue(forKey: node) else { return }
        try agent.kill(signal)
        guard loop.run(within: .seconds(5), until: { agent.exit != nil }) else {
            throw TestFailure("the agent of \(node.name) does not end by signal \(signal)")
        }
    }

    /// The end of a node as a lost power supply brings it: agent, shims and engines at once.
    func lose(_ node: TestNode) throws {
        try end(node, signal: SIGKILL)
        let isGone = loop.run(within: .seconds(5)) {
            let left = Self.processes(of: node.directory)
            // Shims first: they must not write down how their engine ended.
            let shims = left.filter { $0.isGiven("shim") && $0.name == "glm-agent" }
            for process in shims.isEmpty ? left : shims { process.identity.send(signal: SIGKILL) }
            return left.isEmpty
        }
        guard isGone else { throw TestFailure("\(node.name) could not be ended") }
    }

    /// Kills one engine process that the status named, if it is one of this cluster's.
    func kill(_ pid: Int32?) throws {
        let ours = Self.processes(of: directory)
        // A program with a title of its own shows no environment; its shim does.
        guard let pid, let process = ProcessEntry(processID: pid),
            ours.contains(where: { [pid, process.parent].contains($0.processID) }),
            process.identity.send(signal: SIGKILL)
        else { throw TestFailure("no process \(pid ?? 0) of this cluster") }
    }

    func node(_ name: String?) throws -> TestNode {
        guard let node = nodes.first(where: { $0.name == name }) else {
            throw TestFailure("no node \(name ?? "(none)")")
        }
        return node
    }

    // MARK: - Commands

    /// Starts the program with these words.
    func begin(_ words: [String]) throws -> Command {
        commandCount += 1
        let command = try Command(
            loop, words, outputTo: "\(directory)/command-\(commandCount)")
        commands.append(command)
        return command
    }

    /// Runs a command at a node's agent until its end.
    func ask(_ node: TestNode, _ words: [String]) throws -> (code: Int32, output: String) {
        let command = try begin(words + ["--socket", node.socket])
        let code = try command.exitCode()
        return (code, command.output + (code == 0 ? "" : command.errorOutput))
    }

    // MARK: - The end

    /// Processes that bear the mark of a directory: in their environment or on their command line.
    static func processes(of directory: String) -> [ProcessEntry] {
        ProcessTable().entries.filter { process in
            guard process.processID != getpid(), !process.hasEnded else { return false }
            return process.environment.contains("GLM_AGENT_STATE=\(directory)")
                || process.environment.contains { $0.hasPrefix("GLM_AGENT_STATE=\(directory)/") }
                || process.isGiven("\(directory)/")
        }
    }

    /// Every shard and shim on the node: what is there beside its agent and the questions to it.
    func shards(on node: TestNode) -> [ProcessEntry] {
        let others = commands.map(\.process.pid) + [agents[node]?.pid].compactMap { $0 }
        return Self.processes(of: node.directory).filter { !others.contains($0.processID) }
    }

    /// Ends everything.
    /// - Returns: what could not be ended, and the socket files that are left.
    private func end() -> [String] {
        for command in commands where command.process.exit == nil { command.kill() }
        for agent in agents.values { try? agent.kill(SIGTERM) }
        _ = loop.run(within: .seconds(5)) { agents.values.allSatisfy { $0.exit != nil } }
        var left = agents.filter { $0.value.exit == nil }
            .map { "the agent of \($0.key.name), which SIGTERM does not end" }
        left += agents.keys.map(\.socket).filter(Files.exists)
        _ = loop.run(within: .seconds(10)) {
            let processes = Self.processes(of: directory)
            for process in processes { process.identity.send(signal: SIGKILL) }
            return processes.isEmpty
        }
        left += Self.processes(of: directory).map { "\($0.processID) \($0.commandLine)" }
        agents = [:]
        loop.close()
        try? Files.removeTree(directory)
        return left
    }
}

@available(*, unavailable) extension TestCluster: Sendable {}

extension ProcessEntry {
    /// Whether a word of its command line begins so.
    fileprivate func isGiven(_ beginning: String) -> Bool {
        ((try? Files.read("/proc/\(processID)/cmdline")) ?? []).split(separator: 0)
            .contains { String(decoding: $0, as: UTF8.self).hasPrefix(beginning) }
    }
}

private let networkCount = Mutex(0)
