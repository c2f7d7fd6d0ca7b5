// The program as an operator types it: a process of its own, whose output goes to files, so that one
// that follows can be read while it runs.

import Base
import EventLoop
import Glibc
import Host

/// One run of `glm-agent`.
final class Command {
    let words: [String]
    private let loop: Loop
    private let outputPath: String
    private let errorPath: String
    private(set) var process: ChildProcess

    /// Starts it.
    init(_ loop: Loop, _ words: [String], outputTo path: String) throws {
        self.loop = loop
        self.words = words
        outputPath = "\(path).out"
        errorPath = "\(path).err"
        let output = try OpenFile(outputPath, .append, permissions: 0o600)
        let error = try OpenFile(errorPath, .append, permissions: 0o600)
        process = try ChildProcess(
            loop,
            ChildSpecification(
                executable: Self.program, arguments: words,
                descriptors: [.null, .inherit(output.descriptor), .inherit(error.descriptor)])
        ) { _ in }
    }

    var output: String { text(outputPath) }
    var errorOutput: String { text(errorPath) }
    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Waits for its end.
    /// - Returns: the exit code.
    func exitCode(within limit: Duration = .seconds(20)) throws -> Int32 {
        guard loop.run(within: limit, until: { process.exit != nil }) else {
            try process.kill(SIGKILL)
            throw TestFailure("glm-agent \(words.joined(separator: " ")) did not end")
        }
        guard case .exited(let code) = process.exit else {
            throw TestFailure("glm-agent \(words.joined(separator: " ")) was killed")
        }
        return code
    }

    func kill() {
        try? process.kill(SIGKILL)
        _ = loop.run(within: .seconds(2)) { process.exit != nil }
    }

    private func text(_ path: String) -> String {
        String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self)
    }

    /// The program beside the tests.
    static let program: String = {
        guard let path = realpath("/proc/self/exe", nil) else { return "glm-agent" }
        defer { free(path) }
        let own = String(cString: path)
        return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/glm-agent"
    }()
}

@available(*, unavailable) extension Command: Sendable {}

/// Why a test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
