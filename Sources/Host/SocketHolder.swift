// Who holds a TCP port. The kernel's tables give the socket's inode, and whoever has that inode
// open holds the port (proc(5), `/proc/net/tcp`, `/proc/pid/fd`). Processes of other users are seen
// by root only; the port is then named without them.

import EventLoop
import Glibc

/// Finds the holders of ports, for messages to people.
public enum SocketHolder {
    /// `process 4711 (python3 -m …)`, or what little is known; nil when no socket has that port.
    public static func describe(port: UInt16) -> String? {
        let sockets = sockets(onPort: port)
        guard !sockets.isEmpty else { return nil }
        // A listener is the better explanation; connections of its clients have the port too.
        for socket in sockets {
            for entry in holders(ofInode: socket.inode) {
                return "process \(entry.processID) (\(entry.commandLine))"
                    + (socket.isListening ? "" : ", by a connection of its own")
            }
        }
        return "a process that this user may not see"
    }

    private struct Socket {
        let inode: String
        let isListening: Bool
    }

    /// Listeners first.
    private static func sockets(onPort port: UInt16) -> [Socket] {
        let digits = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        let rows = ProcFile.rows("/proc/net/tcp") + ProcFile.rows("/proc/net/tcp6")
        // sl local remote state queues timer retransmits uid timeout inode; 0A is LISTEN.
        let sockets = rows.filter { $0.count > 9 && $0[1].hasSuffix(suffix) && $0[9] != "0" }
            .map { Socket(inode: String($0[9]), isListening: $0[3] == "0A") }
        return sockets.filter(\.isListening) + sockets.filter { !$0.isListening }
    }

    private static func holders(ofInode inode: String) -> [ProcessEntry] {
        let wanted = "socket:[\(inode)]"
        let processIDs = ProcessTable.processIDs().filter { processID in
            let directory = "/proc/\(processID)/fd"
            let descriptors = (try? Files.list(directory)) ?? []
            return descriptors.contains {
                ProcFile.target(of: "\(directory)/\($0.name)") == wanted
            }
        }
        return processIDs.compactMap { ProcessEntry(processID: $0) }
    }
}
