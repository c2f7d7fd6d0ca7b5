// Two agents of one node, as a copied machine brings them: the peers keep the one that was there first, the other
// learns it from them and ends, and nothing that serves is touched.

import Base
import EventLoop
import Glibc
import Host
import Testing

extension EndToEnd {
    @Suite(.enabled(if: geteuid() == 0, "the copy gets a network of its own"))
    struct TwinTests {
        /// The roots of machines, each with a name of its own and the real kernel.
        private final class Machines {
            let directory: String

            init(_ count: Int) throws {
                directory = try TestCluster.makeDirectory()
                for place in 0..<count {
                    try Files.makeDirectories("\(root(place))/etc")
                    let name = String(repeating: "\(place + 1)", count: 32) + "\n"
                    try Files.replace("\(root(place))/etc/machine-id", with: Array(name.utf8))
                    for kernel in ["proc", "sys"] {
                        try #require(symlink("/\(kernel)", "\(root(place))/\(kernel)") == 0)
                    }
                }
            }

            deinit { try? Files.removeTree(directory) }

            func root(_ place: Int) -> String { "\(directory)/machine-\(place)" }
        }

        /// The original's disk as it is now, in another directory, for a machine with that root.
        private func copy(
            _ original: TestNode, in cluster: TestCluster, to root: String, from oldRoot: String
        ) throws -> TestNode {
            let copy = TestNode(
                name: original.name, address: original.address,
                directory: "\(cluster.directory)/copy")
            let copying = try run(
                cluster, ["cp", "-a", original.directory, copy.directory], logTo: copy)
            try #require(try exitCode(of: copying, cluster) == 0)
            try Files.remove(copy.socket)
            let text = String(decoding: try Files.read(copy.configuration), as: UTF8.self)
                .replacing(original.directory, with: copy.directory)
                .replacing(oldRoot, with: root)
            try Files.replace(copy.configuration, with: Array(text.utf8))
            try Files.replace(copy.log, with: [])
            return copy
        }

        private func run(
            _ cluster: TestCluster, _ words: [String], logTo node: TestNode
        ) throws -> ChildProcess {
            try Files.makeDirectories(cluster.directory)
            let log = try OpenFile("\(node.directory).log", .append, permissions: 0o600)
            return try ChildProcess(
                cluster.loop,
                ChildSpecification(
                    executable: "/usr/bin/env", arguments: words,
                    descriptors: [.null, .inherit(log.descriptor), .inherit(log.descriptor)])
            ) { _ in }
        }

        private func exitCode(of process: ChildProcess, _ cluster: TestCluster) throws -> Int32? {
            guard cluster.loop.run(within: .seconds(40), until: { process.exit != nil }),
                case .exited(let code) = process.exit
            else { return nil }
            return code
        }

        @Test
        func `the later of two agents of one node ends with exit code 7, and no shard notices`()
            throws
        {
            let machines = try Machines(4)
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.spares = 1
            settings.hostRoots = (0..<3).map(machines.root)
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let original = cluster.nodes[1]
                let agent = try #require(cluster.agents[original]?.pid)
                let shards = Set(cluster.shards(on: original).map(\.processID))
                #expect(!shards.isEmpty)
                let copy = try copy(
                    original, in: cluster, to: machines.root(3), from: machines.root(1))

                let peers = cluster.nodes.filter { $0 != original }.map(\.address)
                let twin = try run(
                    cluster,
                    ["python3", "\(repository)/Tests/Namespaces/copied_machine.py"]
                        + [original.address, "7600"] + peers
                        + ["--", Command.program, "run", "--config", copy.configuration],
                    logTo: copy)
                try cluster.wait(for: "a peer to tell of both", on: cluster.nodes[0]) {
                    $0.notes.contains { $0.contains("two agents run as \(original.name)") }
                }
                #expect(try exitCode(of: twin, cluster) == 7)
                let told = String(
                    decoding: try Files.read("\(copy.directory).log"), as: UTF8.self)
                #expect(told.contains("another agent runs as node \(original.name)"), "\(told)")
                #expect(told.contains("This one ends, and its shards run on"), "\(told)")
                #expect(
                    told.contains("\(copy.directory)/consensus was made on another machine"),
                    "\(told)")

                let after = try cluster.waitUntilReady(on: original)
                #expect(after.groups == before.groups && after.epoch == before.epoch)
                #expect(cluster.agents[original]?.pid == agent)
                #expect(cluster.agents[original]?.exit == nil)
                #expect(Set(cluster.shards(on: original).map(\.processID)) == shards)
                #expect(!cluster.agentLog(original).contains("made on another machine"))
                try cluster.checkAnswers(after, KnownAnswers(cluster, on: original))
            }
        }
    }
}
