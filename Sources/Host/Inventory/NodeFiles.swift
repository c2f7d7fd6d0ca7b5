// The files of a node, each a fact: what it says, or why it cannot be read. Messages name a path as the
// node has it, not where a test keeps it, so that two nodes that lack the same file lack it alike.

import Ascend
import EventLoop
import Glibc

/// Reads the files of one node. It blocks, and so belongs on a FileQueue.
struct NodeFiles: Sendable {
    let root: HostRoot

    /// The text of a file.
    func text(_ path: String) -> Fact<String> {
        do throws(UVError) {
            let bytes = try Files.read(root.path(path), limitBytes: 16 << 20)
            return .known(String(decoding: bytes, as: UTF8.self))
        } catch {
            return .unknown(gap(path, error))
        }
    }

    /// The text without white space at its ends.
    func word(_ path: String) -> Fact<String> { text(path).map { trimmed($0) } }

    /// What a reader makes of a file.
    func read<Value>(
        _ path: String, _ parse: (String) throws(ParseError) -> Value
    ) -> Fact<Value> {
        switch text(path) {
        case .unknown(let gap): return .unknown(gap)
        case .known(let text):
            do throws(ParseError) {
                return .known(try parse(text))
            } catch {
                return .unknown(Gap(path, error))
            }
        }
    }

    /// The names in a directory, sorted.
    func names(_ path: String) -> Fact<[String]> {
        do throws(UVError) {
            return .known(try Files.list(root.path(path)).map(\.name))
        } catch {
            return .unknown(gap(path, error))
        }
    }

    func gap(_ path: String, _ error: UVError) -> Gap {
        switch error.name {
        case "ENOENT", "ENOTDIR", "ESRCH": Gap(.notInstalled, path, "")
        case "EACCES", "EPERM": Gap(.notPermitted, path, error.message)
        default: Gap(.unreadable, path, error.message)
        }
    }
}
