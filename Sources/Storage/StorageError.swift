// Every way in which a state directory can fail an agent, each with what its operator does next.

import Base
public import EventLoop

/// Why a state directory cannot be used.
public enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process holds the directory. `holder` is its pid, where it could be read.
    case inUse(directory: String, holder: String?)
    /// The directory belongs to another node or another cluster.
    case foreign(directory: String, found: StateIdentity, expected: StateIdentity)
    /// Bytes that were once confirmed do not check.
    case damaged(path: String, offset: Int, reason: String)
    /// The log has a form that only older agents read.
    case outdated(path: String)
    /// A file that must be there is not.
    case missing(path: String)
    /// The system refused a read or a write.
    case failed(UVError)
    /// A write has not ended.
    case hung(directory: String, after: Duration)
    /// An earlier write failed: what is on disk is not known any more.
    case closedByFailure(directory: String)

    public var description: String {
        switch self {
        case .inUse(let directory, let holder):
            "the state directory \(directory) is in use by process \(holder ?? "unknown"): one "
                + "agent runs here already. Stop it first, or give this one a directory of its own"
        case .foreign(let directory, let found, let expected):
            "the state directory \(directory) belongs to node \(found.node) of cluster "
                + "\(found.cluster), but this is node \(expected.node) of cluster "
                + "\(expected.cluster). Correct the configured name or the configured directory; "
                + "never copy a state directory from node to node"
        case .damaged(let path, let offset, let reason):
            "\(path) is damaged at byte \(offset): \(reason). \(Self.replacementAdvice)"
        case .outdated(let path):
            "\(path) was written by an older glm-agent, in a form that this one does not read: go back "
                + "to the older one, or, if the other voters have a leader (`glm-agent status` on any of "
                + "them), move this directory away and start the agent again: the leader sends it "
                + "everything"
        case .missing(let path):
            "\(path) is missing from a state directory that was in use. \(Self.replacementAdvice)"
        case .failed(let error):
            "the state directory cannot be used: \(error). \(Self.advice(on: error))"
        case .hung(let directory, let time):
            "a write to the state directory \(directory) has not ended for \(time.wholeSeconds): the disk "
                + "hangs. See `dmesg`; repair or replace the disk, or move the directory to another. This "
                + "agent takes no part until it can write again; its shards run on. While the kernel holds "
                + "the write, this process cannot end, and its successor finds the directory in use"
        case .closedByFailure(let directory):
            "an earlier write to the state directory \(directory) failed, so nothing more is "
                + "written. Free space or repair the disk, then restart the agent"
        }
    }

    private static func advice(on error: UVError) -> String {
        let cure =
            switch error.name {
            case "ENOSPC", "EDQUOT": "Free space on that disk"
            case "EROFS":
                "The file system is read-only, as a kernel makes it after errors: see `dmesg`, "
                    + "check it and mount it writable"
            case "EACCES", "EPERM": "Give the agent's user the directory"
            case "EIO": "The disk is failing: see `dmesg`, and replace it"
            default: "Mend that"
            }
        return cure + ". This agent takes no part until it can write again; its shards run on"
    }

    private static let replacementAdvice =
        "Check the disk. If the other voters have a leader (`glm-agent status` on any of them), "
        + "move this directory away and start the agent again: the leader sends it everything"
}
