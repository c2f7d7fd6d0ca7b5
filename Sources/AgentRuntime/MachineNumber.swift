// What tells machines apart. A copied machine or directory comes up under a name that is in use, and only these
// numbers say that it is not the one that bore it before.

import Base
import EventLoop
import Host

/// Numbers of the machine that an agent runs on; 0 where there is nothing to tell it by.
enum MachineNumber {
    /// Of this machine for as long as its system is installed: what a state directory was made on.
    static func lasting(_ root: HostRoot) -> UInt64 {
        // Where systemd cannot keep the name, it draws one for this boot alone, and leaves it there too.
        guard !Files.exists(root.path("/run/machine-id")),
            let text = text("/etc/machine-id", root)
        else { return 0 }
        // Before the first boot of an image is over it is empty, or says "uninitialized" (machine-id(5)).
        let name = text.prefix { $0 != "\n" }
        guard name.utf8.count == 32, name.allSatisfy(\.isHexDigit),
            name.contains(where: { $0 != "0" })
        else { return 0 }
        return name.utf8.fnv1a
    }

    /// Of this machine and its boot: what tells two agents of one name from one that was started again.
    static func ofBoot(_ root: HostRoot) -> UInt64 {
        let texts = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"].compactMap {
            text($0, root)
        }
        return texts.isEmpty ? 0 : texts.joined().utf8.fnv1a
    }

    private static func text(_ path: String, _ root: HostRoot) -> String? {
        guard let bytes = try? Files.read(root.path(path), limitBytes: 4096) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
