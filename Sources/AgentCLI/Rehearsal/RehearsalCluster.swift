// The agents of a rehearsal: real ones, each a child of this process in a session of its own, so that
// Ctrl-C at the terminal reaches the rehearsal alone, which then ends them in order.

import Base
import EventLoop
import Glibc
import Host

/// Running agents, and everything that they started.
final class RehearsalCluster {
    let site: RehearsalSite
    private let loop: Loop
    private var agents: [(node: RehearsalSite.Node, process: ChildProcess)] = []
    private(set) var isInterrupted = false
    private var signals: [SignalWatcher] = []

    /// - Throws: what the system refused.
    init(site: RehearsalSite) throws(RehearsalFailure) {
        self.site = site
        do throws(UVError) {
            loop = try Loop()
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                signals.append(
                    try SignalWatcher(loop, signal: signal) { [unowned self] in
                        isInterrupted = true
                    })
            }
        } catch {
            throw RehearsalFailure("\(error)")
        }
    }

    deinit {
        signals = []
        loop.close()
    }

    // MARK: - Life

    /// Starts every agent.
    /// - Throws: what the system refused.
    func start() throws(RehearsalFailure) {
        for node in site.nodes {
            do throws(UVError) {
                // By its path, so that `ps` shows what runs.
                let program = try ownExecutable()
                let log = try OpenFile(node.log, .append, permissions: 0o600)
                let specification = ChildSpecification(
                    executable: program,
                    arguments: ["run", "--config", node.configuration],
                    descriptors: [.null, .inherit(log.descriptor), .inherit(log.descriptor)],
                    isDetached: true)
                agents.append((node, try ChildProcess(loop, specification) { _ in }))
            } catch {
                throw RehearsalFailure("\(error)")
            }
        }
    }

    /// Waits until the condition holds, an agent ends, the time is up, or somebody interrupts.
    /// - Returns: whether the condition holds.
    func wait(_ limit: Duration, until condition: () -> Bool = { false }) -> Bool {
        _ = loop.run(within: limit) { condition() || isInterrupted || failedAgent != nil }
        return condition()
    }

    /// The first agent that has ended by itself; nil while all run.
    var failedAgent: (node: RehearsalSite.Node, exit: ChildExit)? {
        for agent in agents {
            if let exit = agent.process.exit { return (agent.node, exit) }
        }
        return nil
    }

    /// What each node says of the cluster; nil for one that does not answer.
    func statuses() -> [JSONValue?] {
        site.nodes.map { try? client(of: $0).get(ControlPath("/v1/status")) }
    }

    /// The answer of the first node that gives one.
    func firstAnswer(_ path: ControlPath) -> JSONValue? {
        for node in site.nodes {
            if let answer = try? client(of: node).get(path) { return answer }
        }
        return nil
    }

    /// Lets run what an operator has stopped in an earlier rehearsal in this directory: a rehearsal
    /// is there to start everything.
    /// - Returns: what was found and done, for people; empty in a directory without a past.
    /// - Throws: why it cannot be started.
    func startWhatIsStopped() throws(RehearsalFailure) -> [String] {
        guard let status = firstAnswer(ControlPath("/v1/status")) else { return [] }
        let groups = (status["groups"]?.arrayValue ?? []).filter { $0.text("state") == "stopped" }
        let names = groups.map { $0.text("name") }
        let found: String
        if status.text("wanted") == "stopped" {
            found = "the deployment stopped"
        } else if !names.isEmpty {
            found = "\(names.joined(separator: ", ")) stopped"
        } else {
            return []
        }
        for node in site.nodes {
            var client = client(of: node)
            client.orderTimeout = .seconds(5)
            let order: JSONValue = ["group": .null]
            if (try? client.post(ControlPath("/v1/start"), order)) != nil {
                return ["found \(found) by an earlier run in \(site.directory); started it again"]
            }
        }
        throw RehearsalFailure(
            "found \(found) by an earlier run in \(site.directory), and no node takes the order to "
                + "start it; name another --dir, or remove that one")
    }

    private func client(of node: RehearsalSite.Node) -> ControlClient {
        var client = ControlClient(socket: node.socket)
        client.timeout = .seconds(2)
        return client
    }

    // MARK: - End

    /// Ends everything that was started: the deployment in order, then the agents, then whatever is
    /// left by force.
    /// - Returns: what could not be ended; empty as it should be.
    func end() -> [ProcessEntry] {
        stopDeployment()
        for agent in agents { try? agent.process.kill(SIGTERM) }
        if !loop.run(within: .seconds(8), until: { agents.allSatisfy { $0.process.exit != nil } }) {
            for agent in agents { try? agent.process.kill(SIGKILL) }
            _ = loop.run(within: .seconds(2)) { agents.allSatisfy { $0.process.exit != nil } }
        }
        var left = leftovers()
        for _ in 0..<20 where !left.isEmpty {
            for process in left { process.identity.send(signal: SIGKILL) }
            _ = loop.run(within: .milliseconds(100)) { false }
            left = leftovers()
        }
        return left
    }

    private func stopDeployment() {
        let order: JSONValue = ["group": .null]
        let isOrdered = site.nodes.contains { node in
            var client = client(of: node)
            client.orderTimeout = .seconds(5)
            return (try? client.post(ControlPath("/v1/stop"), order)) != nil
        }
        guard isOrdered else { return }
        _ = loop.run(within: .seconds(10)) { leftovers().allSatisfy(isAgent) }
    }

    private func isAgent(_ process: ProcessEntry) -> Bool {
        agents.contains { $0.process.pid == process.processID }
    }

    /// Every process that belongs to this rehearsal: by the state directory that its environment is
    /// stamped with, or by being this program at work in it.
    private func leftovers() -> [ProcessEntry] {
        ProcessTable().entries.filter { process in
            guard process.processID != getpid(), !process.hasEnded else { return false }
            let stamp = "GLM_AGENT_STATE=\(site.directory)/"
            return process.environment.contains { ($0 + "/").hasPrefix(stamp) }
                || isShim(process)
        }
    }

    /// A shim carries no stamp of its own, but the shard's directory as its argument.
    private func isShim(_ process: ProcessEntry) -> Bool {
        let words = process.arguments
        return words.count >= 3 && ["shim", "shim-exec", "run"].contains(words[1])
            && words.dropFirst(2).contains { $0.hasPrefix(site.directory + "/") }
            && process.isThisProgram
    }

    /// The last lines of an agent's log.
    func logTail(of node: RehearsalSite.Node, lines: Int = 15) -> [String] {
        let bytes = (try? Files.read(node.log)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(lines)
            .map(String.init)
    }
}

@available(*, unavailable) extension RehearsalCluster: Sendable {}

extension ProcessEntry {
    /// The words of its command line; empty where it has ended.
    fileprivate var arguments: [String] {
        ((try? Files.read("/proc/\(processID)/cmdline")) ?? []).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether it runs the same file as this process.
    fileprivate var isThisProgram: Bool {
        let own = executable(ofLink: "/proc/self/exe")
        return own != nil && executable(ofLink: "/proc/\(processID)/exe") == own
    }
}

/// Where a link of /proc points; nil where it cannot be read.
private func executable(ofLink path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
        guard let base = buffer.baseAddress else { return nil }
        let count = readlink(path, base, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
