import Base
import EventLoop
import Glibc
import Testing

extension EventLoopTests {
    @Suite struct FilesAndQueues {
        /// A directory of the test's own, removed at its end.
        private func withDirectory(_ body: (String) throws -> Void) throws {
            let template = Array("/tmp/eventloop-test-XXXXXX".utf8CString)
            let path = try template.withUnsafeBufferPointer { buffer in
                var copy = Array(buffer)
                return try #require(mkdtemp(&copy).map { String(cString: $0) })
            }
            defer { try? Files.removeTree(path) }
            try body(path)
        }

        @Test func `a file is replaced as a whole and leaves nothing beside it`() throws {
            try withDirectory { directory in
                let path = "\(directory)/state"
                try Files.replace(path, with: Array("one".utf8))
                try Files.replace(path, with: Array("two".utf8), permissions: 0o600)
                #expect(try Files.read(path) == Array("two".utf8))
                let entries = try Files.list(directory)
                #expect(entries.map(\.name) == ["state"])
            }
        }

        @Test func `a failed replacement leaves the old file`() throws {
            try withDirectory { directory in
                try Files.makeDirectories("\(directory)/state/inner")
                let error = #expect(throws: UVError.self) {
                    try Files.replace("\(directory)/state", with: [1])
                }
                #expect(error?.operation == "rename")
                #expect(try Files.list(directory).map(\.isDirectory) == [true])
            }
        }

        @Test func `appended bytes are read back, cut and continued`() throws {
            try withDirectory { directory in
                let file = try OpenFile("\(directory)/log", .append)
                try file.append(Array("abcdef".utf8))
                try file.truncate(toBytes: 3)
                try file.append(Array("xyz".utf8))
                #expect(try Files.read(file.path) == Array("abcxyz".utf8))
                #expect(try file.length() == 6)
                #expect(try file.read(at: 2, count: 100) == Array("cxyz".utf8))
            }
        }

        @Test func `errors name the operation, the path and the code`() throws {
            let error = #expect(throws: UVError.self) { try Files.read("/no/such/file") }
            #expect(
                error?.description == "open /no/such/file: no such file or directory (ENOENT)")
            let tooLarge = #expect(throws: UVError.self) {
                try Files.read("/proc/self/status", limitBytes: 3)
            }
            #expect(tooLarge?.name == "EFBIG")
        }

        @Test func `a tree is made and removed without following links`() throws {
            try withDirectory { directory in
                try Files.makeDirectories("\(directory)/kept")
                try Files.replace("\(directory)/kept/file", with: [1])
                try Files.makeDirectories("\(directory)/a/b/c")
                symlink("\(directory)/kept", "\(directory)/a/link")
                try Files.removeTree("\(directory)/a")
                #expect(!Files.exists("\(directory)/a"))
                #expect(Files.exists("\(directory)/kept/file"))
                try Files.removeTree("\(directory)/a")
            }
        }

        @Test func `queued work is done in order and told on the loop`() throws {
            try withDirectory { directory in
                let loop = try Loop()
                var queue: FileQueue? = FileQueue(loop)
                let file = try OpenFile("\(directory)/log", .append)
                let told = Recorder<UInt8>()
                for byte in UInt8(0)..<50 {
                    queue?.run({ () throws(UVError) in try file.append([byte]) }) { result in
                        if case .success = result { told.record(byte) }
                    }
                }
                #expect(queue?.backlog == 50)
                queue = nil
                loop.run()
                #expect(told.values == Array(0..<50))
                #expect(try Files.read(file.path) == Array(0..<50))
            }
        }

        @Test func `a failed piece of work tells its error and the next goes on`() throws {
            let loop = try Loop()
            let queue = FileQueue(loop)
            let told = Recorder<String>()
            queue.run({ () throws(UVError) in try Files.read("/no/such") }) { result in
                if case .failure(let error) = result { told.record(error.name) }
            }
            queue.run({ () throws(UVError) in try Files.read("/proc/self/comm").count > 0 }) {
                told.record("\($0)")
            }
            loop.run()
            #expect(told.values == ["ENOENT", "success(true)"])
        }

        @Test func `closing the loop finishes the running work and tells nothing`() throws {
            let loop = try Loop()
            let queue = FileQueue(loop)
            queue.run({ usleep(20_000) }) { _ in Issue.record("told after the loop closed") }
            queue.run({ usleep(20_000) }) { _ in Issue.record("told after the loop closed") }
            loop.close()
        }
    }
}
