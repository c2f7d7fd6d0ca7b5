// A disk that hangs, as the kernel shows it: a small file system that is frozen. Its writes wait where no signal
// is heard.

import Base
import EventLoop
import Glibc
import Host
import Testing

extension EndToEnd {
    @Suite struct HungDiskTests {
        private static var canFreeze: Bool {
            geteuid() == 0 && Files.exists("/dev/loop-control")
                && ["/usr/sbin/mkfs.ext4", "/usr/sbin/fsfreeze"].allSatisfy(Files.exists)
        }

        @Test(.enabled(if: canFreeze, "a small disk is mounted and frozen"))
        func `a leader whose disk hangs tells of it, gives up, and no shard restarts`() throws {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let victim = cluster.nodes[1]
                let witness = cluster.nodes[0]
                let state = "\(victim.directory)/consensus"
                try cluster.end(victim, signal: SIGTERM)
                try shell(cluster, "mv \(state) \(state).old")
                try mountDisk(cluster, state)
                defer { unmountDisk(cluster, state) }
                try shell(cluster, "cp -a \(state).old/. \(state)/")
                try cluster.start(victim)
                try cluster.wait(for: "adopted", on: victim) {
                    $0.isReady && $0.members.values.allSatisfy { $0 == "alive" }
                }
                let lead = try cluster.ask(witness, ["members", "lead", victim.name])
                #expect(lead.code == 0, "\(lead.output)")
                try cluster.wait(for: "its lead", on: witness) { $0.leader == victim.name }

                try shell(cluster, "fsfreeze -f \(state)")
                // The others agree on it, whatever the leader's own disk does.
                let cordon = try cluster.ask(witness, ["cordon", cluster.nodes[3].name])
                #expect(cordon.code == 0, "\(cordon.output)")
                let isTold = { (status: Status) in
                    status.notes.contains {
                        $0.contains("slow disk") && $0.contains("under way since")
                    }
                }
                try cluster.wait(for: "the note", on: witness, until: isTold)
                _ = cluster.loop.run(within: .seconds(8)) { false }
                #expect(isTold(try cluster.status(witness)), "it lasts as long as the write")
                let after = try cluster.wait(
                    for: "another leader", on: witness, within: .seconds(45)
                ) { ![nil, victim.name].contains($0.leader) && $0.members[victim.name] == "left" }
                #expect(after.launches.map(\.generation) == before.launches.map(\.generation))
                #expect(!Files.exists(victim.socket), "nobody asks it any more")

                try shell(cluster, "fsfreeze -u \(state)")
                let agent = try #require(cluster.agents[victim])
                #expect(cluster.loop.run(within: .seconds(15)) { agent.exit != nil })
                #expect(agent.exit == .exited(code: 6))
                let log = String(decoding: try Files.read(victim.log), as: UTF8.self)
                #expect(log.contains("has not ended for 30 s: the disk hangs"), "\(log)")
                try cluster.start(victim)
                let healed = try cluster.wait(for: "adopted", on: victim) {
                    $0.isReady && $0.members[victim.name] == "alive"
                }
                #expect(healed.launches == before.launches)
            }
        }

        @Test(.enabled(if: canFreeze, "a small disk is mounted and frozen"))
        func `what an engine left in the kernel keeps its agent out of no cluster`() throws {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let victim = cluster.nodes[1]
                let witness = cluster.nodes[0]
                let disk = "\(cluster.directory)/disk"
                try mountDisk(cluster, disk)
                defer { unmountDisk(cluster, disk) }
                let shim = try #require(cluster.shards(on: victim).first { $0.isShim })
                let shard = try #require(
                    (before.groups.flatMap { group in
                        group.ranks.filter { $0.node == victim.name }.map {
                            "\(group.name).g\(group.generation).r\($0.rank)"
                        }
                    }).first)
                try shell(cluster, "fsfreeze -f \(disk)")
                // Of that shard, by the marks that it bears; its write hears no signal.
                let stuck = try ChildProcess(
                    cluster.loop,
                    ChildSpecification(
                        executable: "/usr/bin/env",
                        arguments: [
                            "GLM_AGENT_SHARD=\(shard)", "GLM_AGENT_STATE=\(victim.directory)",
                            "/bin/dd", "if=/dev/zero", "of=\(disk)/file", "count=1",
                        ], descriptors: [.null, .null, .null])
                ) { _ in }
                try cluster.wait(for: "the kernel") {
                    ProcessEntry(processID: stuck.pid)?.state == "D"
                }
                try cluster.end(victim, signal: SIGKILL)
                shim.identity.send(signal: SIGKILL)
                try cluster.start(victim)
                try cluster.wait(for: "its agent", on: witness, within: .seconds(25)) { status in
                    status.members[victim.name] == "alive"
                        && status.notes.contains {
                            $0.contains("SIGKILL does not end process \(stuck.pid) of \(shard)")
                        }
                }
                // Its generation is lost, and no newer one may share its dies.
                try cluster.wait(for: "the stop", on: witness, within: .seconds(30)) {
                    $0.groups[0].state == "stopping" || $0.groups[0].state == "waiting"
                }
                try shell(cluster, "fsfreeze -u \(disk)")
                try cluster.wait(for: "the next generation", on: witness, within: .seconds(40)) {
                    $0.isReady && !$0.notes.contains { $0.contains("SIGKILL") }
                        && $0.groups[0].generation == 2
                }
            }
        }

        private func mountDisk(_ cluster: TestCluster, _ path: String) throws {
            try shell(
                cluster,
                "mkdir \(path) && truncate -s 8M \(path).image && mkfs.ext4 -q \(path).image && "
                    + "mount -o loop \(path).image \(path)")
        }

        private func unmountDisk(_ cluster: TestCluster, _ path: String) {
            try? shell(cluster, "fsfreeze -u \(path); umount -l \(path)")
        }

        private func shell(_ cluster: TestCluster, _ script: String) throws {
            var exit: ChildExit?
            let child = try ChildProcess(
                cluster.loop,
                ChildSpecification(
                    executable: "/bin/sh", arguments: ["-c", script],
                    descriptors: [.null, .null, .inherit(2)])
            ) { exit = $0 }
            defer { withExtendedLifetime(child) {} }
            guard cluster.loop.run(within: .seconds(20), until: { exit != nil }),
                exit == .exited(code: 0)
            else { throw TestFailure("sh: \(script): \(String(describing: exit))") }
        }
    }
}

extension ProcessEntry {
    fileprivate var isShim: Bool { name == "glm-agent" && commandLine.contains(" shim ") }
}
