// The rehearsal as a program: the same words as the published command line, behind one more.
//
//     glm-agent rehearsal-engine python3 -m sglang.launch_server …
//     glm-agent rehearsal-engine python3 -m sglang_router.launch_router …
//     glm-agent rehearsal-engine python3 -m mf_adapter.launch_ascend_mf_store

import Base
import CSystem
import EventLoop
import Glibc

/// Runs an engine or a router until it ends.
public enum RehearsalProgram {
    /// - Parameters:
    ///   - arguments: the published command line, from `python3` on.
    ///   - environment: the process environment.
    /// - Returns: the exit code; an engine that ends by a signal does not return.
    public static func run(arguments: [String], environment: [String: String]) -> Int32 {
        if arguments.first == "leaked-child" { return LeftoverChild.linger() }
        if arguments.first == "port-holder" {
            return LeftoverChild.holdPort(Array(arguments.dropFirst()))
        }
        do {
            let (module, argv) = try PythonCommand.split(arguments)
            switch module {
            case PythonCommand.engine: return try runEngine(argv, environment)
            case PythonCommand.router: return try runRouter(argv)
            case PythonCommand.store: return try runStore(environment)
            default:
                writeLine("/usr/bin/python3: No module named \(module) in the rehearsal")
                return 1
            }
        } catch let error as ArgumentError {
            writeLine("\(error)")
            return error.exitCode
        } catch {
            writeLine("error: \(error)")
            return 1
        }
    }

    private static func runEngine(
        _ argv: [String], _ environment: [String: String]
    ) throws -> Int32 {
        let loop = try Loop()
        defer { loop.close() }
        var exit: EngineInstance.Exit?
        let schedulers = SchedulerChildren()
        let engine = try EngineInstance(
            loop, argv: argv, environment: environment, output: writeLine,
            spawn: { LeftoverChild.spawn($0, on: loop) },
            startSchedulers: schedulers.start,
            exit: {
                exit = $0
                loop.stop()
            })
        let terminating = try SignalWatcher(loop, signal: SIGTERM) { engine.terminate() }
        let reaping = try SignalWatcher(loop, signal: SIGCHLD) {
            for title in schedulers.takeEnded() { engine.schedulerEnded(title) }
        }
        engine.start()
        if exit == nil { loop.run() }
        withExtendedLifetime((terminating, reaping)) {}
        switch exit {
        case .code(let code): return code
        case .killed: dieBySignal(SIGKILL)
        case .signalled(let signal): dieBySignal(signal)
        case nil: return 0
        }
    }

    private static func runRouter(_ argv: [String]) throws -> Int32 {
        let loop = try Loop()
        defer { loop.close() }
        var code: Int32?
        let router = try RehearsalRouter(loop, argv: argv, output: writeLine) {
            code = $0
            loop.stop()
        }
        let terminating = try SignalWatcher(loop, signal: SIGTERM) { router.terminate() }
        router.start()
        if code == nil { loop.run() }
        withExtendedLifetime(terminating) {}
        return code ?? 0
    }

    /// MemFabric's store as a process of its own; SIGTERM ends it.
    private static func runStore(_ environment: [String: String]) throws -> Int32 {
        let name = "ASCEND_MF_STORE_URL"
        let url = environment[name] ?? ""
        guard let endpoint = Endpoint(url: url, scheme: "tcp") else {
            writeLine("\(name) is '\(url)', not tcp://host:port")
            return 1
        }
        let loop = try Loop()
        defer { loop.close() }
        let store = try TransferStore(loop, on: endpoint)
        writeLine("transfer store listens on \(endpoint)")
        let terminating = try SignalWatcher(loop, signal: SIGTERM) { loop.stop() }
        loop.run()
        store.close()
        withExtendedLifetime(terminating) {}
        return 0
    }

    private static func dieBySignal(_ number: Int32) -> Never {
        signal(number, SIG_DFL)
        kill(getpid(), number)
        // The signal ends the process before the next instruction or soon after.
        while true { pause() }
    }

    /// One write per line, so that the lines of several processes on one pipe stay whole.
    private static func writeLine(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress, $0.count)
            }
            guard count > 0 || errno == EINTR else { return }
            offset += max(0, count)
        }
    }
}

/// What a faulty engine leaves behind: children in sessions of their own, deaf to SIGTERM.
enum LeftoverChild {
    /// They go by themselves in the end, should nobody find them.
    private static let lifetimeSeconds: UInt32 = 600

    static func spawn(_ words: [String], on loop: Loop) {
        let specification = ChildSpecification(
            executable: "/proc/self/exe", arguments: ["rehearsal-engine"] + words,
            isDetached: true)
        _ = try? ChildProcess(loop, specification) { _ in }
    }

    static func linger() -> Int32 {
        signal(SIGTERM, SIG_IGN)
        sleep(lifetimeSeconds)
        return 0
    }

    /// Takes the port as soon as it is free, and keeps it.
    /// - Parameter words: host and port.
    /// - Returns: the exit code.
    static func holdPort(_ words: [String]) -> Int32 {
        signal(SIGTERM, SIG_IGN)
        guard words.count == 2, let port = UInt16(words[1]), let loop = try? Loop() else {
            return 2
        }
        defer { loop.close() }
        let endpoint = Endpoint(host: words[0], port: port)
        var holder: StreamListener?
        let retry = loop.every(.milliseconds(20)) {
            if holder == nil { holder = try? StreamListener(loop, on: endpoint) { $0.close() } }
        }
        let end = loop.after(.seconds(Int(lifetimeSeconds))) { loop.stop() }
        loop.run()
        withExtendedLifetime((retry, end)) {}
        return 0
    }
}

/// The processes that stand for SGLang's schedulers. They compute nothing, since the engine's own process
/// does; but they bear the titles, die with it, and are missed by it as little as by SGLang.
private final class SchedulerChildren {
    private var titles: [Int32: String] = [:]

    func start(_ titles: [String]) {
        for title in titles {
            let child = csystem_titled_child(title)
            if child > 0 { self.titles[child] = title }
        }
    }

    /// The titles of those that have ended since this was last asked.
    func takeEnded() -> [String] {
        let ended = titles.keys.sorted().filter { waitpid($0, nil, WNOHANG) == $0 }
        return ended.compactMap { titles.removeValue(forKey: $0) }
    }
}

@available(*, unavailable) extension SchedulerChildren: Sendable {}
