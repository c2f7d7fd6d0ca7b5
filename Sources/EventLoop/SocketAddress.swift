// Between `Endpoint` and the C structs. Hosts are address literals: a name that has to be resolved
// would make a cluster's health depend on its name service.

public import Base
import CLibuv
import Glibc

/// A socket address in the form that system calls take.
struct SocketAddress {
    private var storage = sockaddr_storage()

    /// - Throws: EINVAL when the host is no IPv4 or IPv6 literal.
    init(_ endpoint: Endpoint, operation: String) throws(UVError) {
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            return endpoint.host.contains(":")
                ? uv_ip6_addr(
                    endpoint.host, Int32(endpoint.port),
                    raw.assumingMemoryBound(to: sockaddr_in6.self))
                : uv_ip4_addr(
                    endpoint.host, Int32(endpoint.port),
                    raw.assumingMemoryBound(to: sockaddr_in.self))
        }
        try check(result, operation, endpoint.description)
    }

    /// Reads the address that a system call writes; nil when it fails.
    init?(
        reading read: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32
    ) {
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { read($0, &length) }
        }
        guard result >= 0 else { return nil }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    /// The address as host and port; nil for a family that has none. An IPv4 address that reached
    /// us through an IPv6 socket is given in its IPv4 form.
    var endpoint: Endpoint? {
        switch Int32(storage.ss_family) {
        case AF_INET:
            withUnsafePointer(to: storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    Endpoint(
                        host: Self.text { uv_ip4_name(address, $0, $1) },
                        port: UInt16(bigEndian: address.pointee.sin_port))
                }
            }
        case AF_INET6:
            withUnsafePointer(to: storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    let host = Self.text { uv_ip6_name(address, $0, $1) }
                    let mapped = "::ffff:"
                    let isMapped = host.hasPrefix(mapped) && host.contains(".")
                    return Endpoint(
                        host: isMapped ? String(host.dropFirst(mapped.count)) : host,
                        port: UInt16(bigEndian: address.pointee.sin6_port))
                }
            }
        default: nil
        }
    }

    private static func text(
        _ write: (UnsafeMutablePointer<CChar>?, Int) -> Int32
    ) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let base = buffer.baseAddress, write(base, buffer.count) == 0 else { return "" }
            return String(cString: base)
        }
    }
}

extension Endpoint {
    /// The same address with its host in the one form that the system writes, so that two spellings
    /// of an IPv6 address compare equal.
    /// - Throws: EINVAL when the host is no IPv4 or IPv6 literal.
    public func canonical() throws(UVError) -> Endpoint {
        try SocketAddress(self, operation: "use the address").endpoint ?? self
    }
}
