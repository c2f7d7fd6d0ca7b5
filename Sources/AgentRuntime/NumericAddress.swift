// Names and addresses as an operator gives them.

import Base
import Glibc

/// An IPv4 or IPv6 address in its canonical text, so that `::1` and `0:0::1` are the same node.
public struct NumericAddress: Hashable, Sendable {
    public let text: String

    /// Nil for anything but an address.
    public init?(_ text: String) {
        let family = text.contains(":") ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: 16)
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_pton(family, text, &bytes) == 1,
            inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil
        else { return nil }
        self.text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
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

extension String {
    /// Whether it may be a network interface of Linux: fifteen bytes fit into `IFNAMSIZ`, and nothing
    /// else than this is given to one in practice.
    public var isInterfaceName: Bool { isSafeName && count <= 15 }

    /// Digits and dots alone, or a colon: meant as an address, right or wrong.
    public var looksLikeAddress: Bool {
        contains(":") || (contains(".") && allSatisfy { $0.isNumber || $0 == "." })
    }
}
