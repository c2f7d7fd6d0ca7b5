// How many schedulers a node has, and which die is whose.

import Base
import Testing

@testable import Profiles

@Suite struct SchedulerLayoutTests {
    @Test(arguments: ProfileCatalog.names)
    func `every published shard fills its node with a scheduler for each die`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        for role in profile.roles {
            let layout = profile.schedulers(of: role, group: 0)
            #expect(layout.count == 16 && layout.dies == Array(0..<16))
            #expect(layout.tensorPerNode.map { (1...16).contains($0) } == true)
        }
    }

    /// Sixteen dies of each node; the titles are those of SGLang's own formula.
    @Test(
        arguments: [
            // tp 32 over two nodes: the second has TP16 to TP31.
            (16, "TP0 EP0", 0), (16, "DP9 TP19 EP19", 3), (16, "TP31", 15),
            // tp 4 x pp 8 over two nodes: four stages on each.
            (4, "PP0 TP0", 0), (4, "PP1_TP3_EP3", 7), (4, "PP4 TP1", 1), (4, "PP7 TP3", 15),
            // One rank of each kind has no number of its own.
            (16, "", 0),
        ] as [(Int, String, Int)])
    func `the ranks of a title tell the die`(tensorPerNode: Int, title: String, die: Int) {
        let layout = SchedulerLayout(dies: Array(0..<16), tensorPerNode: tensorPerNode)
        #expect(layout.die(ofRanks: title) == die)
        let chosen = SchedulerLayout(dies: (0..<16).map { 15 - $0 }, tensorPerNode: tensorPerNode)
        #expect(chosen.die(ofRanks: title) == 15 - die, "the dies that the profile lists")
    }

    @Test func `titles that tell nothing name no die`() {
        let dies = Array(0..<16)
        #expect(SchedulerLayout(dies: dies, tensorPerNode: nil).die(ofRanks: "DP1 TP3") == nil)
        #expect(SchedulerLayout(dies: [], tensorPerNode: 1).die(ofRanks: "TP3") == nil)
        #expect(SchedulerLayout(dies: dies, tensorPerNode: 0).die(ofRanks: "TP3") == nil)
    }
}
