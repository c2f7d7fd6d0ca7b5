// A directory that looks like an Atlas 800I A3 node: tools, versions, /proc and /sys, all from a few words
// of state. Production code is given the directory as its root and the environment, and runs unchanged.

import Base
import EventLoop
import Glibc

/// A pretend node in a directory of its own, which goes with it.
public final class PretendNode {
    public let directory: String
    private var state: [String: String]

    /// What went wrong when a node was made.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Makes a node.
    /// - Parameter state: what differs from a healthy one; README.md lists the keys.
    /// - Throws: when the directory cannot be made, or there is no such key.
    public init(_ state: [String: String] = [:]) throws {
        var template = Array("/tmp/glm-pretend-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(description: "no temporary directory")
        }
        directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.state = state
        try make()
    }

    deinit { try? Files.removeTree(directory) }

    /// Changes the state, and all files with it.
    public func set(_ changes: [String: String]) throws {
        state.merge(changes) { $1 }
        try make()
    }

    /// What the tools are started with.
    public var environment: [String: String] {
        [
            "PATH": "\(directory)/usr/local/bin:/usr/bin:/bin"
        ]
    }

    /// The command lines of all tools so far, in their order.
    public var calls: [String] { lines("calls") }

    /// Calls of npu-smi while another was running. There must be none.
    public var violations: [String] { lines("violations") }

    /// The scripts that were sourced so far, as paths of the node, in their order.
    public var sourced: [String] { lines("sourced") }

    /// The `ASCEND_HOME_PATH` of each start of Python, `none` where there was none.
    public var pythonHomes: [String] { lines("python") }

    private func lines(_ name: String) -> [String] {
        let bytes = (try? Files.read("\(directory)/var/log/pretend/\(name)")) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func make() throws {
        try Self.makeRoot(
            directory, state.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    }

    /// Makes a directory into a pretend node.
    /// - Throws: where it is something else already, or a key is not known.
    public static func makeRoot(_ directory: String, _ assignments: [String] = []) throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let loop = try Loop()
        let child = try ChildProcess(
            loop,
            ChildSpecification(
                executable: "/\(folder)/make-root", arguments: [directory] + assignments)
        ) { _ in }
        loop.run()
        guard child.exit == .exited(code: 0) else {
            throw Failure(description: "make-root \(child.exit?.description ?? "did not end")")
        }
    }
}

@available(*, unavailable) extension PretendNode: Sendable {}
