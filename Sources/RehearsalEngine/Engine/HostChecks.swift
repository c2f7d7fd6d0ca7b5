// What the collectives find out about the host before they connect: the interfaces they are told
// to use must exist, and the address they are told is theirs must be.

import Base
import EventLoop
import Glibc

/// Questions to the host.
enum HostChecks {
    /// Why the collectives would not start; nil where they would.
    static func objection(
        _ settings: EngineSettings, _ arguments: EngineArguments, on loop: Loop
    ) -> String? {
        let present = interfaceNames()
        for name in ["GLOO_SOCKET_IFNAME", "HCCL_SOCKET_IFNAME"] {
            guard let wanted = settings.interfaces[name] else {
                guard arguments.nodeCount > 1 else { continue }
                return "\(name) is not set: the ranks of \(arguments.nodeCount) nodes cannot "
                    + "tell which interface to use"
            }
            if !matches(wanted, present) {
                return "\(name)=\(wanted) matches no interface of this host, "
                    + "which has \(present.joined(separator: ", "))"
            }
        }
        for address in [settings.hostAddress, arguments.host].compactMap(\.self) {
            guard isLocal(address, on: loop) else {
                return "\(address) is not an address of this host"
            }
        }
        return nil
    }

    /// The interfaces of this host, in the kernel's order.
    private static func interfaceNames() -> [String] {
        guard let list = if_nameindex() else { return [] }
        defer { if_freenameindex(list) }
        var names: [String] = []
        var entry = list
        while entry.pointee.if_index != 0, let name = entry.pointee.if_name {
            names.append(String(cString: name))
            entry += 1
        }
        return names
    }

    /// HCCL's forms: a list of prefixes, `=` before exact names, `^` before what is excluded.
    private static func matches(_ wanted: String, _ present: [String]) -> Bool {
        let isExclusion = wanted.hasPrefix("^")
        let isExact = wanted.drop { $0 == "^" }.hasPrefix("=")
        let names = wanted.drop { $0 == "^" || $0 == "=" }.split(separator: ",")
        let isNamed = { (interface: String) in
            names.contains { isExact ? interface == $0 : interface.hasPrefix($0) }
        }
        return present.contains { isNamed($0) != isExclusion }
    }

    private static func isLocal(_ address: String, on loop: Loop) -> Bool {
        let probe = try? StreamListener(loop, on: Endpoint(host: address, port: 0)) { $0.close() }
        probe?.close()
        return probe != nil
    }
}
