// Which of the configured nodes am I, and which interface carries its address. The kernel's list of
// interface addresses answers both.

public import Base
import Glibc
public import Node

/// An IPv4 or IPv6 address in its canonical text, so that `::1` and `0:0::1` are the same.
struct NumericAddress: Hashable, Sendable {
    let text: String
    let bytes: [UInt8]

    /// Nil for anything but an address.
    init?(_ text: String) {
        let family = text.contains(":") ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        guard inet_pton(family, text, &bytes) == 1 else { return nil }
        self.init(bytes: bytes)
    }

    /// From 4 or 16 bytes in network order; nil for another count.
    init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 16 ? AF_INET6 : AF_INET
        guard inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        self.bytes = bytes
        text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }
}

extension Endpoint {
    /// Reads `10.0.0.1:7601` or `[fd00::1]:7601`; nil for others.
    init?(text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard let address = NumericAddress(host) else { return nil }
        self.init(host: address.text, port: port)
    }
}

/// One address of one interface of this host.
public struct HostInterface: Hashable, Sendable {
    public let name: String
    let address: NumericAddress
    let mask: [UInt8]
    let isLoopback: Bool

    /// Every address of every interface, in the kernel's order.
    public static func all() -> [HostInterface] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var interfaces: [HostInterface] = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = NumericAddress(bytes: addressBytes(entry.ifa_addr)) else {
                continue
            }
            interfaces.append(
                HostInterface(
                    name: String(cString: entry.ifa_name), address: address,
                    mask: addressBytes(entry.ifa_netmask),
                    isLoopback: entry.ifa_flags & UInt32(IFF_LOOPBACK.rawValue) != 0))
        }
        return interfaces
    }

    /// Whether packets to that address arrive here: it is this address, or, since the kernel takes
    /// the whole loopback network for its own, one of that.
    func carries(_ other: NumericAddress) -> Bool {
        if address == other { return true }
        guard isLoopback, other.bytes.count == mask.count else { return false }
        return zip(zip(address.bytes, other.bytes), mask).allSatisfy { pair, mask in
            pair.0 & mask == pair.1 & mask
        }
    }

    private static func addressBytes(_ address: UnsafeMutablePointer<sockaddr>?) -> [UInt8] {
        guard let address else { return [] }
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let inet = raw.loadUnaligned(as: sockaddr_in.self)
            return withUnsafeBytes(of: inet.sin_addr) { Array($0) }
        case AF_INET6:
            let inet = raw.loadUnaligned(as: sockaddr_in6.self)
            return withUnsafeBytes(of: inet.sin6_addr) { Array($0) }
        default: return []
        }
    }
}

/// Why a node does not find itself in the configuration.
public struct OwnNodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened, and what to write into the file.
    public let description: String
}

extension AgentConfiguration {
    /// The entry of this node and the interface that carries its address.
    /// - Throws: when no entry, or more than one, is this host's, or no interface carries it.
    public func findOwnNode(
        on interfaces: [HostInterface]
    ) throws(OwnNodeError) -> (node: ConfiguredNode, interface: String) {
        let node = try ownEntry(on: interfaces)
        if let interface { return (node, interface) }
        guard let carrier = interfaces.first(where: { $0.carries(node.address) }) else {
            throw OwnNodeError(
                description: """
                    no interface of this host carries \(node.address), the address of \(node.node)
                      Set `interface` in the configuration, or give the host that address.
                    """)
        }
        return (node, carrier.name)
    }

    private func ownEntry(on interfaces: [HostInterface]) throws(OwnNodeError) -> ConfiguredNode {
        if let ownNode, let entry = nodes.first(where: { $0.node == ownNode }) { return entry }
        let entries = nodes.filter { node in interfaces.contains { $0.carries(node.address) } }
        if entries.count == 1 { return entries[0] }
        let addresses = interfaces.filter { !$0.isLoopback }.map(\.address.text)
        let found =
            entries.isEmpty
            ? "none of the configured nodes has an address of this host (\(addresses.joined(separator: ", ")))"
            : "several configured nodes have addresses of this host: "
                + entries.map(\.node.name).joined(separator: ", ")
        throw OwnNodeError(
            description: "\(found)\n  Set `node` in the configuration to the name of this one.")
    }
}

extension HostInterface {
    fileprivate func carries(_ address: String) -> Bool {
        NumericAddress(address).map(carries) ?? false
    }
}
