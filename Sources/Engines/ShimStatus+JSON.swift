// The form of status.json, shim.pid and the lines of the socket.

import Base
import EventLoop
import Glibc
import Host
import Supervision

extension ShimStatus {
    var json: JSONValue {
        [
            "version": 1,
            "phase": .string(phase.rawValue),
            "stopRequested": .bool(isStopRequested),
            "engine": engine?.json ?? nil,
            "exit": exit?.json ?? nil,
            "endedAt": endedAt.map { .integer($0.microsecondsSinceEpoch) } ?? .null,
            "remaining": .array(remaining.map { .integer(Int64($0)) }),
            "since": .integer(since.millisecondsSinceEpoch),
        ]
    }

    init?(json: JSONValue) {
        guard json["version"]?.integerValue == 1,
            let phase = json["phase"]?.stringValue.flatMap(Phase.init(rawValue:)),
            let isStopRequested = json["stopRequested"]?.boolValue,
            let remaining = json["remaining"]?.arrayValue,
            let since = json["since"]?.integerValue
        else { return nil }
        self.init(
            phase: phase, isStopRequested: isStopRequested,
            engine: json["engine"].flatMap(ProcessIdentity.init(json:)),
            exit: json["exit"].flatMap(ExitStatus.init(json:)),
            endedAt: json["endedAt"]?.integerValue.map { EndTime(microsecondsSinceEpoch: $0) },
            remaining: remaining.compactMap { $0.integerValue.flatMap(Int32.init(exactly:)) },
            since: WallTime(millisecondsSinceEpoch: since))
    }

    /// nil when there is none, or one that cannot be read.
    static func read(from directory: ShardDirectory) -> ShimStatus? {
        try? readRecord(directory.statusFile, ShimStatus.init(json:))
    }

    func write(to directory: ShardDirectory) throws(UVError) {
        try Files.replace(
            directory.statusFile, with: Array(json.sealed.pretty.utf8), permissions: 0o600)
    }
}

extension ExitStatus {
    var json: JSONValue {
        switch self {
        case .code(let code): ["code": .integer(Int64(code))]
        case .signal(let number): ["signal": .integer(Int64(number))]
        case .notStarted(let reason): ["notStarted": .string(reason)]
        case .unknown: ["unknown": true]
        }
    }

    init?(json: JSONValue) {
        if let code = json["code"]?.integerValue.flatMap(Int32.init(exactly:)) {
            self = .code(code)
        } else if let number = json["signal"]?.integerValue.flatMap(Int32.init(exactly:)) {
            self = .signal(number)
        } else if let reason = json["notStarted"]?.stringValue {
            self = .notStarted(reason)
        } else if json["unknown"]?.boolValue == true {
            self = .unknown
        } else {
            return nil
        }
    }
}

extension ShimClaim {
    private var json: JSONValue {
        switch self {
        case .shim(let identity): ["version": 1, "shim": identity.json]
        case .abandoned: ["version": 1, "shim": nil]
        }
    }

    private init?(json: JSONValue) {
        guard json["version"]?.integerValue == 1, let shim = json["shim"] else { return nil }
        if shim == .null {
            self = .abandoned
        } else if let identity = ProcessIdentity(json: shim) {
            self = .shim(identity)
        } else {
            return nil
        }
    }

    /// nil when nobody has claimed the launch yet.
    static func read(from directory: ShardDirectory) -> ShimClaim? {
        try? readRecord(directory.claimFile, ShimClaim.init(json:))
    }

    /// Claims the launch.
    /// - Throws: EEXIST when somebody else has.
    func make(in directory: ShardDirectory) throws(UVError) {
        let temporary = "\(directory.claimFile).\(getpid())"
        try Files.replace(
            temporary, with: Array(json.sealed.pretty.utf8), permissions: 0o600)
        defer { unlink(temporary) }
        // Unlike rename, link never replaces: the claim is there as a whole or not at all, and
        // the second one fails.
        try Files.link(temporary, to: directory.claimFile)
    }
}
