// What the doctor says. A finding names the node, the dies, the evidence and what a person should do next;
// nothing here resets or kills. What could not be found out is said to be unknown: it is never taken for
// well, and never for ill.

public import Ascend
public import Base

/// How bad a finding is, the worst last.
public enum Severity: String, Hashable, Comparable, Sendable, CaseIterable {
    case ok
    /// Worth knowing; nothing to do.
    case info
    /// It could not be found out.
    case unknown
    /// It will do harm one day, or slows down.
    case warning
    /// A launch fails, or hangs, as long as this is so.
    case error

    public static func < (left: Severity, right: Severity) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// The checks, in the order in which an expert makes them: what fails most often comes first.
public enum Check: Int, Hashable, Comparable, Sendable, CaseIterable {
    case answers
    case holders, interface, reachability, ports, fabric, tls, versions, dies, environment, store
    case limits, weights, settings, clock, hostName, speed

    /// 0 to 16, as it is printed.
    public var number: Int { rawValue }

    public var name: String {
        switch self {
        case .answers: "every node answers"
        case .holders: "nobody else holds the dies"
        case .interface: "address and interface"
        case .reachability: "TCP between the nodes"
        case .ports: "planned ports are free"
        case .fabric: "super pod and virtual NICs"
        case .tls: "TLS switches are equal"
        case .versions: "versions are equal"
        case .dies: "dies are there and well"
        case .environment: "environment"
        case .store: "transfer store"
        case .limits: "shared memory and limits"
        case .weights: "weights are equal"
        case .settings: "kernel settings"
        case .clock: "clocks agree"
        case .hostName: "host name"
        case .speed: "no node is slow"
        }
    }

    /// Whether it looks at each node by itself: another node in its place would not have the same. The fabric
    /// is pinged between nodes, and what is to be equal on all tells of none.
    public var isOfOneNode: Bool {
        switch self {
        case .holders, .interface, .ports, .dies, .limits: true
        case .answers, .reachability, .fabric, .tls, .versions, .environment, .store, .weights,
            .settings,
            .clock, .hostName, .speed:
            false
        }
    }

    public static func < (left: Check, right: Check) -> Bool { left.rawValue < right.rawValue }
}

/// One thing that a check found.
public struct Finding: Hashable, Sendable {
    public let check: Check
    public let severity: Severity
    /// nil where it is about the cluster as a whole.
    public let node: NodeID?
    /// The dies of the node that it is about; empty for the node as a whole.
    public internal(set) var dies: [DieID]
    /// What was seen, with the values.
    public let evidence: String
    /// What to do next; empty where there is nothing.
    public let remedy: String
}

/// Everything that was found.
public struct Diagnosis: Hashable, Sendable {
    /// By check; each check has one at least.
    public private(set) var findings: [Finding] = []
    /// What has failed already; the checks say nothing of it, and the logs do.
    public var failedGroups: [GroupName] = []

    /// Nodes with dies of which it could not be found out who holds them, or whether they are well.
    public internal(set) var unexamined: [NodeID] = []

    /// Nothing was looked at.
    public init() {}

    public var worst: Severity { findings.map(\.severity).max() ?? .ok }

    public func worst(of check: Check) -> Severity {
        findings.filter { $0.check == check }.map(\.severity).max() ?? .ok
    }

    /// Adds a finding. What several dies of a node have in common is one.
    mutating func report(
        _ check: Check, _ severity: Severity, _ node: NodeID?, die: DieID? = nil,
        _ evidence: String, remedy: String = ""
    ) {
        let known = findings.firstIndex {
            $0.check == check && $0.severity == severity && $0.node == node
                && $0.evidence == evidence && $0.remedy == remedy
        }
        guard let known else {
            findings.append(
                Finding(
                    check: check, severity: severity, node: node, dies: die.map { [$0] } ?? [],
                    evidence: evidence, remedy: remedy))
            return
        }
        if let die, !findings[known].dies.contains(die) { findings[known].dies.append(die) }
    }

    /// It could not be found out, for that reason.
    mutating func report(
        _ check: Check, _ node: NodeID, die: DieID? = nil, gap: Gap,
        as severity: Severity = .unknown
    ) {
        report(
            check, severity, node, die: die, "\(gap)",
            remedy: gap.complaint?.remedy ?? gap.kind.remedy)
    }

    /// It could not be looked at, since no agent was asked.
    mutating func reportLocal(_ check: Check, _ what: String) {
        report(check, .unknown, nil, what, remedy: "ask through an agent: glm-agent doctor")
    }

    /// Says that a check found nothing, where it did not.
    mutating func conclude(_ check: Check, _ summary: String) {
        if !findings.contains(where: { $0.check == check }) { report(check, .ok, nil, summary) }
    }
}

extension Gap.Kind {
    fileprivate var remedy: String {
        switch self {
        case .notInstalled: "install it, or run the agent where it is"
        case .notAsked: ""
        case .timedOut: "look at dmesg: the driver hangs, or the host is overloaded"
        case .notPermitted: "run the agent as root"
        case .refused: "look at the line, and at dmesg"
        case .unreadable: "compare the tool's version with a node that works"
        }
    }
}

extension Diagnosis {
    /// The JSON form, which Protocols/control.md specifies.
    public var json: JSONValue {
        [
            "worst": .string(worst.rawValue),
            "checks": .array(
                Check.allCases.map { check in
                    [
                        "number": check.number.json, "name": .string(check.name),
                        "state": .string(worst(of: check).rawValue),
                    ]
                }),
            "findings": .array(findings.map(\.json)),
            "failed_groups": failedGroups.map(\.name).json,
            "unexamined": unexamined.map(\.name).json,
        ]
    }
}

extension Finding {
    var json: JSONValue {
        [
            "check": check.number.json, "severity": .string(severity.rawValue),
            "node": JSONValue(node?.name), "dies": .array(dies.map(\.value.json)),
            "evidence": .string(evidence), "remedy": .string(remedy),
        ]
    }
}
