// Logs are bounded, and read across their rotation.

import Base
import EventLoop
import Planning
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Logs {
        private func files(_ bench: Workbench) throws -> [(name: String, text: String)] {
            try Files.list(bench.directory.logDirectory).map {
                ($0.name, try readText("\(bench.directory.logDirectory)/\($0.name)"))
            }
        }

        @Test func `size and number of files are bounded, and the newest lines are kept`() throws {
            let limits = LogLimits(fileBytes: 5000, files: 3)
            let bench = try Workbench(logLimits: limits)
            bench.launch(script: "seq -f 'line %g' 1 9999")
            #expect(bench.runToEnd())
            let files = try files(bench)
            #expect(files.map(\.name) == ["engine.log", "engine.log.1", "engine.log.2"])
            for file in files {
                #expect(file.text.utf8.count <= limits.fileBytes)
                #expect(file.text.hasPrefix("line ") && file.text.hasSuffix("\n"))
            }
            let wanted = (9001...9999).map { "line \($0)" }
            #expect(try LogReader(bench.directory).tail(lines: 999) == wanted)
            #expect(try LogReader(bench.directory).tail(lines: 2) == ["line 9998", "line 9999"])
            #expect(try LogReader(bench.directory).tail(lines: 0) == [])
        }

        @Test(arguments: 1...12 as ClosedRange<UInt64>)
        func `rotation loses and repeats nothing`(seed: UInt64) throws {
            var generator = SeededGenerator(seed: seed)
            let bench = try Workbench()
            let limits = LogLimits(
                fileBytes: Int.random(in: 5...200, using: &generator), files: 999)
            let log = try RotatingLog(directory: bench.directory.logDirectory, limits: limits)
            var written: [UInt8] = []
            for _ in 0..<40 {
                let bytes = (0..<Int.random(in: 1...90, using: &generator)).map { _ in
                    generator.chance(0.1)
                        ? UInt8(ascii: "\n")
                        : UInt8.random(
                            in: 97...122, using: &generator)
                }
                written += bytes
                log.write(bytes)
            }
            let parts = try files(bench).map { file in
                (Int(file.name.split(separator: ".").last ?? "") ?? 0, file.text)
            }
            let read = parts.sorted { $0.0 > $1.0 }.map(\.1)
            #expect(read.joined() == String(decoding: written, as: UTF8.self), "seed \(seed)")
            #expect(read.allSatisfy { $0.utf8.count <= limits.fileBytes }, "seed \(seed)")
        }

        @Test func `a follower sees every line once, across rotations`() throws {
            let bench = try Workbench()
            let limits = LogLimits(fileBytes: 300, files: 50)
            let log = try RotatingLog(directory: bench.directory.logDirectory, limits: limits)
            for number in 1...10 { log.write(Array("line \(number)\n".utf8)) }
            var lines: [String] = []
            let follower = try LogReader(bench.directory).follow(bench.loop, lines: 3) {
                lines += $0
            }
            var next = 11
            let writer = bench.loop.every(.milliseconds(20)) {
                guard next <= 400 else { return }
                // Several rotations between two looks of the follower.
                for _ in 0..<10 {
                    log.write(Array("line \(next)".utf8))
                    log.write(Array("\n".utf8))
                    next += 1
                }
            }
            let wanted = (8...400).map { "line \($0)" }
            #expect(bench.run { lines.count >= wanted.count })
            #expect(lines == wanted)
            withExtendedLifetime((follower, writer)) {}
        }

        @Test func `what a disk refused is counted in the log`() throws {
            let bench = try Workbench()
            let directory = bench.directory.logDirectory
            let log = try RotatingLog(
                directory: directory, limits: LogLimits(fileBytes: 100, files: 2))
            log.write([UInt8](repeating: UInt8(ascii: "a"), count: 100))
            // Without its directory no new file can be made.
            try Files.removeTree(directory)
            log.write(Array("lost\n".utf8))
            log.write(Array("too\n".utf8))
            try Files.makeDirectories(directory)
            log.write(Array("kept\n".utf8))
            #expect(
                try LogReader(bench.directory).tail(lines: 9) == [
                    "[glm-agent: 9 bytes of output could not be written]", "kept",
                ])
        }

        @Test func `a shard without a log is an error that names it`() throws {
            let bench = try Workbench()
            let error = #expect(throws: UVError.self) {
                try LogReader(state: bench.state, shard: bench.shard).tail(lines: 1)
            }
            #expect(error?.name == "ENOENT")
        }

        @Test func `a line without an end is given out in pieces`() {
            var buffer = LineBuffer(limitBytes: 4)
            #expect(buffer.append(Array("ab\ncdef".utf8)) == ["ab"])
            #expect(buffer.append(Array("ghijk".utf8)) == ["cdef", "ghij"])
            #expect(buffer.append(Array("\n\n".utf8)) == ["k", ""])
        }
    }
}
