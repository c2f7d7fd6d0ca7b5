// Reading a log on from where it was left, whatever rotations come between.

import EventLoop
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct LogCursors {
        private func withDirectory(_ body: (String) throws -> Void) throws {
            let bench = try Workbench()
            try body(bench.directory.logDirectory)
        }

        private func read(_ cursor: inout LogCursor) throws -> String {
            var bytes: [UInt8] = []
            try cursor.readOn { bytes += $0 }
            return String(decoding: bytes, as: UTF8.self)
        }

        @Test func `what is appended is read once`() throws {
            try withDirectory { directory in
                var cursor = LogCursor(directory: directory)
                #expect(try read(&cursor) == "", "no log yet")
                let log = try RotatingLog(
                    directory: directory, limits: LogLimits(fileBytes: 1000, files: 3))
                #expect(try read(&cursor) == "")
                log.write(Array("one\n".utf8))
                #expect(try read(&cursor) == "one\n")
                #expect(try read(&cursor) == "")
                log.write(Array("two\nthr".utf8))
                #expect(try read(&cursor) == "two\nthr")
            }
        }

        @Test(arguments: 1...12) func `rotations between two looks lose nothing`(lines: Int) throws
        {
            try withDirectory { directory in
                let log = try RotatingLog(
                    directory: directory, limits: LogLimits(fileBytes: 10, files: 8))
                var cursor = LogCursor(directory: directory)
                var wanted = ""
                var got = ""
                for number in 0..<60 {
                    let line = "\(number)\n"
                    log.write(Array(line.utf8))
                    wanted += line
                    if number % lines == 0 { got += try read(&cursor) }
                }
                got += try read(&cursor)
                #expect(got == wanted)
            }
        }

        @Test func `what was rotated away unread is passed over`() throws {
            try withDirectory { directory in
                let log = try RotatingLog(
                    directory: directory, limits: LogLimits(fileBytes: 4, files: 2))
                var cursor = LogCursor(directory: directory)
                log.write(Array("a\n".utf8))
                #expect(try read(&cursor) == "a\n")
                for _ in 0..<9 { log.write(Array("b\nc\n".utf8)) }
                // The file system may give a new file the number of the one that was read.
                #expect(try read(&cursor).hasSuffix("c\n"))
            }
        }

        @Test func `of a long log that was there before, the end is read`() throws {
            try withDirectory { directory in
                let log = try RotatingLog(
                    directory: directory, limits: LogLimits(fileBytes: 5 << 20, files: 8))
                let line = String(repeating: "x", count: 1023) + "\n"
                for _ in 0..<(12 << 10) { log.write(Array(line.utf8)) }
                log.write(Array("end\n".utf8))
                var cursor = LogCursor(directory: directory)
                let text = try read(&cursor)
                #expect(text.utf8.count == LogCursor.backlogBytes)
                #expect(text.hasSuffix("x\nend\n"))
            }
        }
    }
}
