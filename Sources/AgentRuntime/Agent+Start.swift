// Where the agent of a node listens, what it says where somebody else does already, and what it looks for
// before it starts anything.

import Base
import ClusterState
import ControlAPI
import Engines
import EventLoop
import Glibc
import HTTP
import Host
import Node
import Planning
import Profiles

extension Agent {
    func openControl() throws(AgentError) {
        let path = configuration.controlSocket
        try makeDirectory(ofSocket: path)
        do throws(UVError) {
            control.append(
                try ControlServer(
                    loop, listen: .unix(path: path, mode: 0o660), source: self, takesOrders: true))
        } catch {
            throw AgentError(
                "\(error)\n  Give the agent another `control_socket`, or mend that path.")
        }
        guard let endpoint = configuration.httpListen else { return }
        do throws(UVError) {
            control.append(
                try ControlServer(loop, listen: .tcp(endpoint), source: self, takesOrders: false))
        } catch {
            throw AgentError(error, listeningOn: endpoint, field: "http_listen")
        }
    }

    /// The directory of the socket is made, as under /run after a boot, and none above it: a misspelt path
    /// is nobody's wish.
    private func makeDirectory(ofSocket path: String) throws(AgentError) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let directory = String(path[..<slash])
        guard !Files.exists(directory) else { return }
        guard mkdir(directory, 0o755) == 0 else {
            let reason = errno == ENOENT ? "nor what is above it" : String(cString: strerror(errno))
            throw AgentError(
                "control_socket: the directory \(directory) is not there (\(reason))\n  Make it, or "
                    + "give the agent another `control_socket`.")
        }
        log(.info, "made the directory \(directory) for the control socket")
    }

    /// How long a launch waits for what is installed to be known.
    static let sglangLimit = Duration.seconds(30)

    func findSGLang(_ environment: [String: String]) {
        let profile = configuration.profile
        let finder = SGLangFinder(loop, environment: environment)
        finder.find(
            python: profile.command.first ?? "python3", source: profile.source,
            within: Self.sglangLimit
        ) { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .success(let text):
                let version = Version(text)
                if version == nil { log(.warning, "SGLang's version \"\(text)\" is none") }
                give(.sglangFound(version))
            case .failure(let failure):
                log(.warning, "looking for SGLang: \(failure)")
                give(.sglangFound(nil))
            }
        }
    }
}

extension AgentError {
    /// An address that the agent cannot listen on, with who has it and the field that names it.
    init(_ error: UVError, listeningOn endpoint: Endpoint, field: String) {
        guard error.name == "EADDRINUSE" else {
            self.init("\(error)\n  Correct `\(field)`.")
            return
        }
        let holder = SocketHolder.describe(endpoint).map { "; \(endpoint) is held by \($0)" } ?? ""
        self.init("\(error)\(holder)\n  End that process, or give the agent another `\(field)`.")
    }
}

extension LedgerEvent {
    /// As the agent's log tells it. Its lines bear the time of the writing; what happened before this agent
    /// heard of it has its own beside it.
    func logLine(at now: WallTime) -> String {
        let subject = group.map { "\($0)\(generation.map { ".g\($0)" } ?? ""): " } ?? ""
        let isOld = now - time > .seconds(5)
        return "\(kind.rawValue): \(subject)\(text)" + (isOld ? " (at \(time))" : "")
    }
}
