import Base
import Testing

@Suite struct PrintableTests {
    @Test(arguments: [
        ("plain, ü and 漢", "plain, ü and 漢"), ("a\nb\tc\r\nd", "a b c  d"),
        ("\u{1B}]0;x\u{7}", "\u{FFFD}]0;x\u{FFFD}"),
        ("", ""),
    ])
    func `what is printable orders nothing`(text: String, shown: String) {
        #expect(text.printable == shown)
        #expect(text.printable.printable == shown)
    }

    @Test(arguments: [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("ab…", 3, "ab…"), ("", 3, "")])
    func `what is cut says so, once`(text: String, limit: Int, shown: String) {
        #expect(text.shortened(to: limit) == shown)
        #expect(text.shortened(to: limit).count <= limit)
    }
}
