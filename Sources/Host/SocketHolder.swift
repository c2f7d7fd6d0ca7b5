// Who holds a TCP port of an address. The kernel's tables give the socket's inode, and whoever has that inode
// open holds the port (proc(5), `/proc/net/tcp`, `/proc/pid/fd`). Processes of other users are seen
// by root only; the port is then named without them.

public import Base
import EventLoop
import Glibc

/// Finds the holders of ports, for messages to people.
public enum SocketHolder {
    /// `process 4711 (python3 -m …)`, or what little is known; nil when no socket is in the way there. The
    /// same port of another address of this host is in nobody's way.
    public static func describe(_ endpoint: Endpoint) -> String? {
        let sockets = sockets(inTheWayOf: endpoint)
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
    private static func sockets(inTheWayOf endpoint: Endpoint) -> [Socket] {
        let digits = String(endpoint.port, radix: 16, uppercase: true)
        let port = String(repeating: "0", count: 4 - digits.count) + digits
        let addresses = addresses(inTheWayOf: endpoint.host)
        let rows = ProcFile.rows("/proc/net/tcp") + ProcFile.rows("/proc/net/tcp6")
        // sl local remote state queues timer retransmits uid timeout inode; 0A is LISTEN.
        let sockets = rows.filter { row in
            guard row.count > 9, row[9] != "0" else { return false }
            let local = row[1].split(separator: ":").map(String.init)
            return local.count == 2 && local[1] == port
                && (addresses?.contains(local[0]) ?? true)
        }
        .map { Socket(inode: String($0[9]), isListening: $0[3] == "0A") }
        return sockets.filter(\.isListening) + sockets.filter { !$0.isListening }
    }

    /// That address and the unspecified ones, as the tables write them; nil for all of them, where the
    /// address is itself unspecified, or none.
    private static func addresses(inTheWayOf host: String) -> Set<String>? {
        let any = [String(repeating: "0", count: 8), String(repeating: "0", count: 32)]
        guard let own = words(of: host), !any.contains(own) else { return nil }
        // An IPv4 address may be held by an IPv6 socket, mapped (RFC 4291 §2.5.5.2).
        let mapped = own.count == 8 ? words(of: "::ffff:" + host) : nil
        return Set(any + [own] + (mapped.map { [$0] } ?? []))
    }

    /// The address as 32-bit words of this machine in hexadecimal digits; nil where it is none.
    private static func words(of host: String) -> String? {
        let isIPv6 = host.contains(":")
        var words = [UInt32](repeating: 0, count: isIPv6 ? 4 : 1)
        guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, host, &words) == 1 else { return nil }
        return words.map { word in
            let digits = String(word, radix: 16, uppercase: true)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }
        .joined()
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
