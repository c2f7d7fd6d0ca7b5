// `glm-agent run`: the agent of this node, in the foreground until it is told to stop. SIGTERM and SIGINT
// end the agent and leave its shards running, so that an upgrade restarts no engine.

import AgentRuntime
import CSystem
import EventLoop
import Glibc
import Host
import YAML

func runAgent(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments[.config] ?? defaultConfiguration
    return invocation.withConfiguration { () throws(ConfigurationError) in
        let (read, findings) = AgentConfiguration.loadAndCheck(path, on: .current())
        guard let configuration = read, findings.errors.isEmpty else {
            throw ConfigurationError(findings.errors)
        }
        do {
            return try run(configuration, invocation)
        } catch {
            invocation.console.complain("the agent does not start: \(error)")
            return (error as? AgentError).map { ExitCode(endedBy: $0) } ?? .failure
        }
    }
}

private func run(
    _ configuration: AgentConfiguration, _ invocation: Invocation
) throws -> ExitCode {
    let notifier = ServiceNotifier.takingFromEnvironment()
    let loop = try Loop()
    defer { loop.close() }
    let log = AgentLog(loop)
    let agent = try Agent(
        loop, configuration, version: programVersion, host: .current(),
        tuner: SystemHostTuner(root: HostRoot(configuration.hostRoot)),
        environment: currentEnvironment(), log: log)
    var exitCode = ExitCode.success
    agent.onFailure = { error in
        exitCode = ExitCode(endedBy: error)
        loop.stop()
    }
    let stop = {
        notifier.send(.stopping)
        agent.stop { loop.stop() }
    }
    let signals = try [SIGTERM, SIGINT].map { try SignalWatcher(loop, signal: $0, onSignal: stop) }
    defer { withExtendedLifetime(signals) {} }
    try agent.start(launcher: [ownExecutable()], environment: currentEnvironment())
    notifier.send(.ready)
    let watchdog = notifier.watchdogInterval.map { interval in
        loop.every(interval / 2) { notifier.send(.watchdog) }
    }
    defer { withExtendedLifetime(watchdog) {} }
    // Half of what is resident was needed to start, and never again.
    let settled = loop.after(.seconds(5)) { csystem_release_file_pages() }
    defer { withExtendedLifetime(settled) {} }
    loop.run()
    // It has let go of its ports: nothing may keep it any more, not even a disk that hangs.
    csystem_exit_at_latest(exitCode.rawValue, 5)
    return exitCode
}

extension ExitCode {
    fileprivate init(endedBy error: AgentError) {
        self =
            switch error.kind {
            case .storage: .stateDirectory
            case .twin: .twin
            case .other: .failure
            }
    }
}

/// The path of this program, which its shims are started from.
func ownExecutable() throws(UVError) -> String {
    guard let path = realpath("/proc/self/exe", nil) else {
        throw UVError(errno: errno, operation: "resolve", subject: "/proc/self/exe")
    }
    defer { free(path) }
    return String(cString: path)
}
