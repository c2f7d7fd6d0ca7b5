// A disk that hangs: a small file system in a file, frozen by the kernel. Who writes to it then waits where no
// signal is heard, as in a driver.

import EventLoop
import Glibc

final class FrozenDisk {
    let path: String

    static var isPossible: Bool {
        geteuid() == 0 && Files.exists("/dev/loop-control")
            && ["/usr/sbin/mkfs.ext4", "/usr/sbin/fsfreeze"].allSatisfy(Files.exists)
    }

    init() throws {
        var template = Array("/tmp/glm-frozen-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw UVError(errno: errno, operation: "make a temporary directory")
        }
        path = String(cString: made)
        try run(
            "truncate -s 8M \(path).image && mkfs.ext4 -q \(path).image && "
                + "mount -o loop \(path).image \(path)")
    }

    func freeze() throws { try run("fsfreeze -f \(path)") }

    /// Thawed already, it is as it was.
    func thaw() { try? run("fsfreeze -u \(path)") }

    func remove() {
        thaw()
        try? run("umount -l \(path); rm -rf \(path) \(path).image")
    }

    private func run(_ script: String) throws {
        let loop = try Loop()
        var exit: ChildExit?
        let child = try ChildProcess(
            loop,
            ChildSpecification(
                executable: "/bin/sh", arguments: ["-c", script],
                descriptors: [.null, .null, .null])
        ) { exit = $0 }
        defer { withExtendedLifetime(child) {} }
        guard loop.run(within: .seconds(20), until: { exit != nil }), exit == .exited(code: 0)
        else {
            throw UVError(errno: EIO, operation: "run", subject: script)
        }
    }
}
