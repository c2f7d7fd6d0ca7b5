// What a rehearsal tells, as it happens and at its end.

import Base

/// The findings of one rehearsal.
struct RehearsalReport {
    let profile: String
    let directory: String
    let nodes: [String]
    /// Milestones in the order in which they were reached, in seconds from the start.
    private(set) var phases: [(name: String, seconds: Double)] = []
    /// The milestone that was not reached, and why; nil where all were.
    var failure: (phase: String, reason: String)?
    var answer: String?
    var status: JSONValue = .null
    /// The last lines of the logs that tell most of a failure.
    var logs: [(source: String, lines: [String])] = []

    init(profile: String, site: RehearsalSite) {
        self.profile = profile
        directory = site.directory
        nodes = site.nodes.map(\.name)
    }

    mutating func reached(_ phase: String, after seconds: Double) {
        phases.append((phase, seconds))
    }

    /// `  ready         4.31 s`.
    static func line(_ phase: String, _ seconds: Double) -> String {
        let number = decimal(seconds, digits: 2)
        let padding = String(repeating: " ", count: max(0, 7 - number.count))
        return "  \(phase.padded(to: 12)) \(padding)\(number) s"
    }

    var json: JSONValue {
        [
            "profile": .string(profile), "directory": .string(directory),
            "nodes": .array(nodes.map { .string($0) }), "ok": .bool(failure == nil),
            "phases": .array(
                phases.map { ["name": .string($0.name), "seconds": .number($0.seconds)] }),
            "answer": JSONValue(answer),
            "failure": failure.map {
                ["phase": .string($0.phase), "reason": .string($0.reason)]
            } ?? .null,
            "status": status,
        ]
    }
}
