// Tables, ages and numbers for people.

import Base
import Testing

@testable import AgentCLI

@Suite struct OutputTests {
    @Test func `columns are as wide as their widest cell, and numbers stand right`() {
        var table = Table("NODE", "PID#", "STATE")
        table.add("a", "7", "ready")
        table.add("node-10", "12345", "x")
        table.add("b")
        #expect(
            table.lines(colour: false) == [
                "  NODE       PID  STATE",
                "  a            7  ready",
                "  node-10  12345  x",
                "  b",
            ])
    }

    @Test func `an empty cell keeps its column`() {
        var table = Table("A", "N#", "B", "C")
        table.add("", "", "", "last")
        table.add("first", "1", "second", "")
        #expect(
            table.lines(colour: false) == [
                "  A      N  B       C",
                "                    last",
                "  first  1  second",
            ])
    }

    @Test func `colour does not count as width`() {
        var table = Table("A", "B")
        table.add(.state("ready"), "x")
        let expected = "  \u{1B}[32mready\u{1B}[0m  x"
        #expect(table.lines(colour: true).last == expected)
    }

    @Test(arguments: [
        0, 1_795_547_100_000, 951_782_400_000, 951_868_799_999, 1_709_164_800_123,
        4_107_542_399_999,
    ])
    func `a time is read as it was written`(milliseconds: Int64) {
        let time = WallTime(millisecondsSinceEpoch: milliseconds)
        #expect(WallTime(text: time.description) == time)
    }

    @Test(arguments: [
        "", "now", "2026-11-24", "2026-13-01T00:00:00.000Z", "2026-11-24T00:00:00.000",
    ])
    func `other texts are no time`(text: String) {
        #expect(WallTime(text: text) == nil)
    }

    @Test(arguments: [
        (-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (119, "1 min"), (120, "2 min"),
        (7199, "119 min"), (7200, "2 h"),
        (172_799, "47 h"), (172_800, "2 d"),
    ])
    func `an age has one unit`(seconds: Int, text: String) {
        #expect(shortDuration(.seconds(seconds)) == text)
    }

    @Test(arguments: [(0.25, 1, "0.3"), (-1.5, 1, "-1.5"), (2, 2, "2.00"), (1.005, 0, "1")])
    func `a number has as many digits as asked for`(number: Double, digits: Int, text: String) {
        #expect(decimal(number, digits: digits) == text)
    }

    @Test func `a path of the API escapes its query`() {
        let path = ControlPath("/v1/logs", ["shard": "prefill-0/1 & more", "lines": "5"])
        #expect(path.text == "/v1/logs?shard=prefill-0%2F1%20%26%20more&lines=5")
    }
}
