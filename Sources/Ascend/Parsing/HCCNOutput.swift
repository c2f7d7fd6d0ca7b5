// The answers of hccn_tool, which asks the NPU's own network side. On an A3 the fabric is HCCS: the
// proof of it is the virtual NIC and a ping over it; link and net_health are of the RoCE port, where
// DOWN and Init are normal, and so are only shown.

/// The virtual NIC of a die on the HCCS fabric, from `-vnic -g`.
public struct VirtualNIC: Hashable, Sendable {
    public let link: LinkState
    public let address: String
    public let netmask: String

    public init(link: LinkState, address: String, netmask: String) {
        self.link = link
        self.address = address
        self.netmask = netmask
    }
}

/// A ping over the fabric, from `-hccs_ping -g`.
public struct FabricPing: Hashable, Sendable {
    public let sent: Int
    public let received: Int
    /// nil when nothing came back.
    public let averageMicroseconds: Double?
    /// One for each packet: 0 for a sound L1 plane.
    public let planeResults: [Int]

    /// Whether every packet came back over a sound plane.
    public var isSound: Bool {
        sent > 0 && received == sent && planeResults.allSatisfy { $0 == 0 }
    }
}

/// Readers of hccn_tool's outputs.
public enum HCCNOutput {
    /// `-vnic -g`.
    public static func vnic(_ text: String) throws(ParseError) -> VirtualNIC {
        let entries = Entries(text)
        return VirtualNIC(
            link: LinkState(word: String(try entries.value("vnic link status"))),
            address: String(try entries.value("vnic ipaddr")),
            netmask: String(try entries.value("vnic netmask")))
    }

    /// `-link -g`.
    public static func link(_ text: String) throws(ParseError) -> LinkState {
        LinkState(word: String(try Entries(text).value("link status")))
    }

    /// `-net_health -g`: Success, Init, Fault and others.
    public static func netHealth(_ text: String) throws(ParseError) -> String {
        String(try Entries(text).value("net health status"))
    }

    /// `-tls -g`: whether the switch is on. The line explains its numbers in parentheses:
    /// `tls switch[0](0:disable, 1:enable)`.
    public static func isTLSEnabled(_ text: String) throws(ParseError) -> Bool {
        let expected = "\"tls switch[0]\" or \"tls switch[1]\""
        guard let line = lines(of: text).first(where: { $0.contains("tls switch[") }),
            let start = line.firstRange(of: "tls switch[")?.upperBound
        else {
            throw ParseError(
                expected: expected, line: lines(of: text).first { !trimmed($0).isEmpty } ?? "")
        }
        switch line[start...].prefix(while: { $0 != "]" }) {
        case "0": return false
        case "1": return true
        default: throw ParseError(expected: expected, line: line)
        }
    }

    /// `-hccs_ping -g`. A ping that lost everything is an answer, no error.
    public static func ping(_ text: String) throws(ParseError) -> FabricPing {
        let all = lines(of: text)
        guard let summary = all.first(where: { $0.contains("packets transmitted") }) else {
            throw ParseError(
                expected: "a line \"N packets transmitted, N received\"",
                line: all.last { !trimmed($0).isEmpty } ?? "")
        }
        let parts = summary.split(separator: ",").map { words(of: $0) }
        guard parts.count >= 2, let sent = parts[0].first.flatMap({ Int($0) }),
            let received = parts[1].first.flatMap({ Int($0) }), sent >= 0, received >= 0
        else {
            throw ParseError(expected: "the numbers of packets sent and received", line: summary)
        }
        let average = all.first { $0.contains("average time") }.flatMap { line in
            words(of: line).last.flatMap { Double($0.prefix { $0.isNumber || $0 == "." }) }
        }
        return FabricPing(
            sent: sent, received: received, averageMicroseconds: received > 0 ? average : nil,
            planeResults: all.filter { $0.contains("plane check result") }.compactMap { line in
                words(of: line).last.flatMap { Int($0.dropFirst(2), radix: 16) }
            })
    }

    /// `/etc/hccn.conf`: the RoCE addresses that the driver sets at boot, by die.
    public static func configuredAddresses(_ text: String) -> [DieID: String] {
        var addresses: [DieID: String] = [:]
        for line in lines(of: text) {
            guard let place = line.firstIndex(of: "="), line.hasPrefix("address_"),
                let die = Int(line[..<place].dropFirst("address_".count))
            else { continue }
            addresses[DieID(die)] = String(trimmed(line[line.index(after: place)...]))
        }
        return addresses
    }
}
