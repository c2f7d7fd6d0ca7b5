// Which rules of a packet filter are told.

import Testing

@testable import Ascend

@Suite struct PacketFilterTests {
    @Test func `nft's rules for this host are told, and not those for what is forwarded`() throws {
        let rules = try PacketFilter.nftables(
            """
            table inet filter {
            \tset blocked { type ipv4_addr; elements = { 10.0.0.9 } }
            \tchain input {
            \t\ttype filter hook input priority filter; policy drop;
            \t\tct state established,related accept
            \t\tjump guests
            \t}
            \tchain guests {
            \t\tip saddr 10.9.0.0/16 tcp dport 5000-5013 drop
            \t\tcounter packets 3 bytes 180 reject with icmpx admin-prohibited
            \t}
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy drop;
            \t\tdrop
            \t}
            \tchain unused {
            \t\tdrop
            \t}
            }
            """)
        #expect(
            rules == [
                FilterRule("nft: inet filter input: policy drop", isForAll: true),
                FilterRule(
                    "nft: inet filter guests: ip saddr 10.9.0.0/16 tcp dport 5000-5013 drop",
                    isForAll: false),
                FilterRule(
                    "nft: inet filter guests: counter packets 3 bytes 180 reject with icmpx "
                        + "admin-prohibited", isForAll: true),
            ])
        #expect(try PacketFilter.nftables("").isEmpty)
        #expect(throws: ParseError.self) {
            try PacketFilter.nftables("Operation not permitted (you must be root)")
        }
    }

    @Test func `iptables' rules for this host are told, and not those for what is forwarded`()
        throws
    {
        let rules = try PacketFilter.iptables(
            """
            -P INPUT ACCEPT
            -P FORWARD DROP
            -P OUTPUT ACCEPT
            -N DOCKER-ISOLATION
            -N site
            -A INPUT -i lo -j ACCEPT
            -A INPUT -j site
            -A FORWARD -j DOCKER-ISOLATION
            -A DOCKER-ISOLATION -o docker0 -j DROP
            -A site -p tcp -m tcp --dport 60000:60031 -j DROP
            -A site -j REJECT --reject-with icmp-host-prohibited
            """)
        #expect(
            rules == [
                FilterRule(
                    "iptables: -A site -p tcp -m tcp --dport 60000:60031 -j DROP",
                    isForAll: false),
                FilterRule(
                    "iptables: -A site -j REJECT --reject-with icmp-host-prohibited",
                    isForAll: true),
            ])
        let policy = try PacketFilter.iptables("-P INPUT DROP\n-P FORWARD ACCEPT")
        #expect(policy == [FilterRule("iptables: -P INPUT DROP", isForAll: true)])
    }

    @Test(arguments: [
        "", "iptables v1.8.9 (nf_tables): Could not fetch rule set: Permission denied",
    ])
    func `what is no list of rules is not taken for an empty one`(text: String) {
        #expect(throws: ParseError.self) { try PacketFilter.iptables(text) }
    }

    @Test func `chains that send to one another have an end`() throws {
        let rules = try PacketFilter.iptables(
            "-A INPUT -j a\n-A a -j b\n-A b -j a\n-A b -s 10.0.0.1 -j DROP")
        #expect(rules.map(\.isForAll) == [false])
    }
}
