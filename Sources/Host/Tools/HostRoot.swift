// Where a node's file system begins. In production that is `/`; a test or a rehearsal gives a
// directory that looks like a node, and the same code reads it.

import EventLoop
import Glibc

/// What stands before every absolute path of the node.
public struct HostRoot: Hashable, Sendable {
    private let prefix: String

    /// - Parameter directory: `/` for the real node.
    public init(_ directory: String = "/") {
        var prefix = directory[...]
        while prefix.hasSuffix("/") { prefix.removeLast() }
        self.prefix = String(prefix)
    }

    /// Where that path of the node lies on this machine.
    /// - Parameter absolute: begins with a slash.
    /// - Returns: a path that can be opened.
    public func path(_ absolute: String) -> String { prefix + absolute }

    /// Whether something stands there, not counting a link to nowhere.
    func exists(_ absolute: String) -> Bool { access(path(absolute), F_OK) == 0 }
}
