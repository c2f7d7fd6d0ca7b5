// Where the agent of a node listens, and what it says where somebody else does already.

import Base
import ClusterState
import ControlAPI
import EventLoop
import Glibc
import HTTP
import Host
import Node

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
