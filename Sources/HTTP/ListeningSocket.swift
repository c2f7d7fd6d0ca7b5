// The socket that a server listens on. libmicrohttpd could bind one itself, but says only "no" when
// it cannot; here every failure keeps its errno and names its address.

public import Base
import EventLoop
import Glibc

/// Where a server listens.
public enum HTTPListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// A TCP port on a numeric host address; port 0 lets the system choose.
    case tcp(Endpoint)
    /// A Unix socket whose file gets these permissions before the first connection is taken.
    case unix(path: String, mode: UInt32)

    public var description: String {
        switch self {
        case .tcp(let endpoint): endpoint.description
        case .unix(let path, _): path
        }
    }
}

/// A bound and listening socket. Whoever takes the descriptor closes it.
struct ListeningSocket {
    let descriptor: Int32
    /// The address with the port that the system chose; nil for a Unix socket.
    let endpoint: Endpoint?
    /// The file of a Unix socket.
    let file: SocketFile?

    init(_ address: HTTPListenAddress) throws(UVError) {
        switch address {
        case .tcp(let endpoint): self = try Self.tcp(endpoint)
        case .unix(let path, let mode): self = try Self.unix(path: path, mode: mode)
        }
    }

    private init(descriptor: Int32, endpoint: Endpoint?, file: SocketFile?) {
        self.descriptor = descriptor
        self.endpoint = endpoint
        self.file = file
    }

    private static func tcp(_ endpoint: Endpoint) throws(UVError) -> ListeningSocket {
        let name = endpoint.description
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found)
        defer { if found != nil { freeaddrinfo(found) } }
        guard result == 0, let info = found?.pointee else {
            throw UVError(errno: EINVAL, operation: "read as a numeric host address", subject: name)
        }
        let descriptor = try open(family: info.ai_family, name: name)
        return try closing(descriptor) { () throws(UVError) in
            // A restarted agent must get its port back while old connections are in TIME_WAIT.
            var yes: Int32 = 1
            setsockopt(
                descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0 else { throw failure(name) }
            try startListening(descriptor, name: name)
            let port = boundPort(of: descriptor) ?? endpoint.port
            return ListeningSocket(
                descriptor: descriptor, endpoint: Endpoint(host: endpoint.host, port: port),
                file: nil)
        }
    }

    private static func unix(path: String, mode: UInt32) throws(UVError) -> ListeningSocket {
        guard var address = sockaddr_un(path: path) else {
            throw UVError(errno: ENAMETOOLONG, operation: "listen on", subject: path)
        }
        let descriptor = try open(family: AF_UNIX, name: path)
        return try closing(descriptor) { () throws(UVError) in
            if address.call(bind, descriptor) != 0 {
                let number = errno
                guard number == EADDRINUSE, isStale(&address) else {
                    throw UVError(errno: number, operation: "listen on", subject: path)
                }
                unlink(path)
                guard address.call(bind, descriptor) == 0 else { throw failure(path) }
            }
            // Nobody can connect between bind and listen, so the file is never open too wide.
            guard chmod(path, mode) == 0 else { throw failure(path) }
            try startListening(descriptor, name: path)
            return ListeningSocket(
                descriptor: descriptor, endpoint: nil, file: SocketFile(path: path))
        }
    }

    private static func open(family: Int32, name: String) throws(UVError) -> Int32 {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(family, Int32(type), 0)
        guard descriptor >= 0 else { throw failure(name) }
        return descriptor
    }

    private static func startListening(_ descriptor: Int32, name: String) throws(UVError) {
        guard listen(descriptor, SOMAXCONN) == 0 else { throw failure(name) }
    }

    private static func failure(_ name: String) -> UVError {
        UVError(errno: errno, operation: "listen on", subject: name)
    }

    private static func closing(
        _ descriptor: Int32, _ body: () throws(UVError) -> ListeningSocket
    ) throws(UVError) -> ListeningSocket {
        do {
            return try body()
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func boundPort(of descriptor: Int32) -> UInt16? {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        // sockaddr_in keeps its port at the same place.
        return result == 0 ? UInt16(bigEndian: address.sin6_port) : nil
    }

    /// Whether a socket file is left over from a process that is gone.
    private static func isStale(_ address: inout sockaddr_un) -> Bool {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_UNIX, Int32(type), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return address.call(connect, descriptor) != 0 && errno == ECONNREFUSED
    }
}

/// The file of a bound Unix socket.
struct SocketFile {
    let path: String
    private let device: UInt
    private let inode: UInt

    init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Removes the file, unless somebody has put another one in its place.
    func remove() {
        guard let present = SocketFile(path: path), present.device == device,
            present.inode == inode
        else { return }
        unlink(path)
    }
}

extension sockaddr_un {
    /// nil where the path does not fit into the 107 bytes that Linux gives it.
    fileprivate init?(path: String) {
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: sun_path)
        guard !path.isEmpty, path.utf8.count < capacity else { return nil }
        withUnsafeMutableBytes(of: &sun_path) { $0.copyBytes(from: path.utf8) }
    }

    fileprivate mutating func call(
        _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ descriptor: Int32
    ) -> Int32 {
        withUnsafePointer(to: &self) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
