// What this host is: its name and its addresses. HCCL and gloo are told an interface by name while
// a plan knows addresses, so the one must be found by the other.

import Glibc

/// A network interface and its addresses.
public struct NetworkInterface: Hashable, Sendable {
    public let name: String
    /// IPv4 and IPv6 literals, without prefix length or zone, in the kernel's order.
    public let addresses: [String]
    public let isUp: Bool
    public let isLoopback: Bool
}

/// The host as it is now.
public struct HostFacts: Hashable, Sendable {
    public let hostName: String
    /// In the kernel's order.
    public let interfaces: [NetworkInterface]

    public init(hostName: String, interfaces: [NetworkInterface]) {
        self.hostName = hostName
        self.interfaces = interfaces
    }

    /// Reads them from the system.
    public static func current() -> HostFacts {
        HostFacts(hostName: readHostName(), interfaces: readInterfaces())
    }

    /// The interface that has that address. Any address of 127.0.0.0/8 is the loopback's, though
    /// it lists the first alone.
    public func interface(of address: String) -> NetworkInterface? {
        interfaces.first { $0.addresses.contains(address) }
            ?? (address.hasPrefix("127.") ? interfaces.first(where: \.isLoopback) : nil)
    }

    /// Whether a server can be bound to that address here.
    public func owns(_ address: String) -> Bool { interface(of: address) != nil }

    private static func readHostName() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, gethostname(base, buffer.count - 1) == 0 else {
                return ""
            }
            buffer[buffer.count - 1] = 0
            return String(cString: base)
        }
    }

    private static func readInterfaces() -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var order: [String] = []
        var addresses: [String: [String]] = [:]
        var flags: [String: UInt32] = [:]
        for entry in sequence(first: list, next: { $0?.pointee.ifa_next }) {
            guard let entry else { break }
            let name = String(cString: entry.pointee.ifa_name)
            if flags[name] == nil { order.append(name) }
            flags[name] = entry.pointee.ifa_flags
            if let address = literal(entry.pointee.ifa_addr) {
                addresses[name, default: []].append(address)
            }
        }
        return order.map { name in
            let bits = Int(flags[name] ?? 0)
            return NetworkInterface(
                name: name, addresses: addresses[name] ?? [], isUp: bits & Int(IFF_UP) != 0,
                isLoopback: bits & Int(IFF_LOOPBACK) != 0)
        }
    }

    /// The address in text form; nil for families that are no IP.
    private static func literal(_ address: UnsafeMutablePointer<sockaddr>?) -> String? {
        guard let address else { return nil }
        let family = Int32(address.pointee.sa_family)
        let length: Int
        switch family {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            guard let base = buffer.baseAddress,
                getnameinfo(
                    address, socklen_t(length), base, socklen_t(buffer.count), nil, 0,
                    NI_NUMERICHOST) == 0
            else { return nil }
            return String(cString: base).split(separator: "%").first.map(String.init)
        }
    }
}
