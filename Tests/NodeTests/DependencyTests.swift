// What takes what with it: the transfer store its sharers, and a prefill the memory that decode has of it.

import Base
import ClusterState
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct DependencyTests {
    private func events(_ cluster: Cluster, of group: String) throws -> [LedgerEvent] {
        try cluster.machine(0).state.ledger.filter { $0.group?.name == group }
    }

    /// From the end of a group's first generation to the launch of its second.
    private func pause(_ cluster: Cluster, _ group: String) throws -> Duration {
        let events = try events(cluster, of: group)
        let ended = try #require(events.first { $0.kind == .ended })
        let launched = try #require(
            events.first { $0.kind == .launched && $0.generation == Generation(2) })
        return launched.time - ended.time
    }

    @Test func `who shares a store restarts with its owner, after it, and is told why`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        try cluster.killShard("prefill-0", rank: 1)
        for name in ["prefill-0", "prefill-1", "decode-0"] {
            cluster.wait(.seconds(60)) { (try? $0.group(name, by: 0).generation) == 2 }
        }
        cluster.settle()
        let owner = try events(cluster, of: "prefill-0")
        let launched = try #require(owner.last { $0.kind == .launched })
        for name in ["prefill-1", "decode-0"] {
            let told = try events(cluster, of: name)
            let ended = try #require(told.first { $0.kind == .ended })
            #expect(
                ended.text.hasPrefix(
                    "shares the transfer store of prefill-0, whose generation 1 ended: rank 1 on "),
                "\(ended.text)")
            #expect(ended.sequence < launched.sequence, "none knew the old store any more")
            let again = try #require(told.last { $0.kind == .launched })
            #expect(again.sequence > launched.sequence)
            let record = try cluster.machine(0).state.record(of: GroupName(name))
            #expect(record.failures == 0 && record.storeGeneration == Generation(2))
        }
    }

    @Test func `a group that has no store takes nothing with it`() throws {
        var cluster = try Cluster(.fourPrefills, nodes: 6)
        cluster.settle()
        let others = cluster.processes(outside: "prefill-3")
        try cluster.killShard("prefill-3", rank: 0)
        cluster.wait(.seconds(60)) { (try? $0.group("prefill-3", by: 0).generation) == 2 }
        cluster.settle()
        #expect(cluster.processes(outside: "prefill-3") == others)
    }

    @Test func `an order to the owner says whom it takes along`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        let answer = try cluster.ask(3, .propose(.restart(GroupName("prefill-0"))))
        #expect(
            answer
                == .accepted(
                    "prefill-0: restart agreed; generation 1 ends, generation 2 follows; prefill-1, "
                        + "decode-0 restart too: they share its transfer store. "
                        + "Watch: glm-agent status"))
        for name in ["prefill-0", "prefill-1", "decode-0"] {
            cluster.wait(.seconds(60)) { (try? $0.group(name, by: 0).generation) == 2 }
        }
        cluster.settle()
    }

    @Test func `sharers go on while the owner is stopped, and restart when it is started`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        let others = cluster.processes(outside: "prefill-0")
        #expect(try cluster.ask(2, .propose(.stop(GroupName("prefill-0")))).isAccepted)
        cluster.wait { $0.processes(of: "prefill-0").isEmpty }
        cluster.pass(.seconds(20))
        #expect(cluster.processes == others)

        // One that falls meanwhile cannot join a store that is not there.
        try cluster.killShard("prefill-1", rank: 0)
        cluster.pass(.seconds(20))
        #expect(cluster.processes(of: "prefill-1").isEmpty)
        let why = try cluster.group("prefill-1", by: 0).why
        #expect(why.contains("for prefill-0, which has the transfer store"), "\(why)")
        #expect(why.contains("stopped by the operator"), "\(why)")

        #expect(try cluster.ask(2, .propose(.start(GroupName("prefill-0")))).isAccepted)
        cluster.wait(.seconds(60)) { (try? $0.group("decode-0", by: 0).generation) == 2 }
        cluster.settle()
    }

    @Test func `a prefill comes back when decode has noticed that it was gone`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        try cluster.killShard("prefill-1", rank: 0)
        cluster.wait { cluster in
            let why = (try? cluster.group("prefill-1", by: 0).why) ?? ""
            return why.hasPrefix("until decode has noticed")
        }
        cluster.wait(.seconds(60)) { (try? $0.group("prefill-1", by: 0).generation) == 2 }
        // Two heartbeats of five seconds, and half a one.
        #expect(try pause(cluster, "prefill-1") >= .milliseconds(12_500))
        cluster.settle()
    }

    @Test func `a prefill whose decode restarts with it does not wait for that`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4) { $0.hangChance = 0 }
        cluster.settle()
        try cluster.killShard("prefill-0", rank: 0)
        cluster.wait(.seconds(60)) { (try? $0.group("prefill-0", by: 0).generation) == 2 }
        cluster.settle()
        #expect(try pause(cluster, "prefill-0") < .milliseconds(12_500))
    }

    @Test func `who shares a store of its own is launched when it serves`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4) { $0.givesStoreAProcess() }
        cluster.settle()
        let serves = try #require(
            events(cluster, of: "store").first { $0.kind == .ready }, "the store serves")
        for name in ["prefill-0", "decode-0"] {
            let launched = try #require(
                events(cluster, of: name).first { $0.kind == .launched })
            #expect(launched.sequence > serves.sequence, "\(name)")
        }
    }

    @Test func `a store of its own is taken along by no engine, and takes all who share it`() throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4) { $0.givesStoreAProcess() }
        cluster.settle()
        let store = cluster.processes(of: "store")
        #expect(store.map(\.node) == [cluster.name(try cluster.nodes(of: "prefill-0")[0])])
        let decode = cluster.processes(of: "decode-0")
        try cluster.killShard("prefill-0", rank: 0)
        cluster.wait(.seconds(60)) { (try? $0.group("prefill-0", by: 0).generation) == 2 }
        cluster.settle()
        #expect(cluster.processes(of: "store") == store)
        #expect(cluster.processes(of: "decode-0") == decode)

        try cluster.killShard("store", rank: 0)
        for (name, generation) in [("store", 2), ("prefill-0", 3), ("decode-0", 2)] {
            cluster.wait(.seconds(60)) {
                (try? $0.group(name, by: 0).generation) == UInt64(generation)
            }
        }
        cluster.settle()
        let why = try events(cluster, of: "decode-0").first { $0.kind == .ended }?.text ?? ""
        #expect(why.hasPrefix("shares the transfer store, whose generation 1"), "\(why)")
    }
}
