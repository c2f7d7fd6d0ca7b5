// A diagnosis for people: what was found, worst first, each with node, dies, evidence and what to do, and told
// once where several nodes have it; then a line a check with its worst state, which stays on the screen.

import Ascend
import Base
import Doctor

/// A diagnosis as lines of text.
struct DoctorView {
    /// As `GET /v1/doctor` gives it.
    let diagnosis: JSONValue
    let colour: Bool

    var text: String {
        let findings = Found.merged((diagnosis["findings"]?.arrayValue ?? []).map(Found.init))
        let bad = findings.filter { $0.severity > .ok }
        let parts = [details(bad), failedGroups, [summary(findings)], checks(findings)]
        return parts.filter { !$0.isEmpty }
            .map { $0.map { $0 + "\n" }.joined() }
            .joined(separator: "\n")
    }

    private func checks(_ findings: [Found]) -> [String] {
        var table = Table("#", "CHECK", "STATE", "")
        for check in diagnosis["checks"]?.arrayValue ?? [] {
            let number = check["number"]?.integerValue ?? 0
            let state = check["state"]?.stringValue ?? "?"
            let own = findings.filter { $0.check == number }
            let bad = own.filter { $0.severity > .info }.count
            let note = bad > 1 ? "\(bad) findings" : own.first { $0.severity == .ok }?.evidence
            table.add(
                Table.Cell("\(number)"), Table.Cell(check["name"]?.stringValue ?? ""),
                Table.Cell(state, Style(severity: Severity(rawValue: state))),
                Table.Cell(note ?? ""))
        }
        return table.lines(colour: colour)
    }

    /// The checks look at the nodes; what has failed already is told by the logs.
    private var failedGroups: [String] {
        (diagnosis["failed_groups"]?.arrayValue ?? []).compactMap(\.stringValue).map {
            "\($0) has failed: `glm-agent why \($0)` tells what of, and what to do"
        }
    }

    private func summary(_ findings: [Found]) -> String {
        let counts = [Severity.error, .warning, .unknown].map { severity in
            (severity, findings.filter { $0.severity == severity }.count)
        }
        let words = counts.filter { $0.1 > 0 }.map { severity, count in
            switch severity {
            case .error: count == 1 ? "1 error" : "\(count) errors"
            case .warning: count == 1 ? "1 warning" : "\(count) warnings"
            default: "\(count) not known"
            }
        }
        return words.isEmpty ? "nothing found" : words.joined(separator: ", ")
    }

    /// What several checks have found alike, such as a tool that is not there, is told once as well.
    private func details(_ findings: [Found]) -> [String] {
        Severity.allCases.reversed().flatMap { severity -> [String] in
            let ofSeverity = findings.filter { $0.severity == severity }
            return ofSeverity.indices.flatMap { index -> [String] in
                let found = ofSeverity[index]
                let alike = ofSeverity.indices.filter { found.isToldLike(ofSeverity[$0]) }
                guard alike.first == index else { return [] }
                return lines(found, alike.map { ofSeverity[$0].check }.uniqued)
            }
        }
    }

    private func lines(_ found: Found, _ checks: [Int64]) -> [String] {
        let numbers = checks.map { "\($0)" }.joined(separator: ", ")
        let word = found.severity.rawValue
        let shown = colour ? Style(severity: found.severity).applied(to: word) : word
        let place = found.nodes + (found.dies.isEmpty ? [] : [found.dies.shown])
        let whose = place.isEmpty ? "" : place.joined(separator: ", ") + ": "
        let first = "\(shown) [\(numbers)] \(whose)\(found.evidence)"
        return [first] + (found.remedy.isEmpty ? [] : ["    \(found.remedy)"])
    }

    /// What one node or several were found to have, read back.
    private struct Found {
        let check: Int64
        let severity: Severity
        /// Empty where it is about the cluster as a whole.
        var nodes: [String]
        let dies: [DieID]
        let evidence: String
        let remedy: String

        init(_ json: JSONValue) {
            check = json["check"]?.integerValue ?? 0
            // An agent of another version may know words that this program does not.
            severity = json["severity"]?.stringValue.flatMap(Severity.init(rawValue:)) ?? .unknown
            nodes = [json["node"]?.stringValue].compactMap { $0 }
            dies = (json["dies"]?.arrayValue ?? []).compactMap { die in
                die.integerValue.flatMap { Int(exactly: $0) }.map { DieID($0) }
            }
            evidence = json.text("evidence").printable
            remedy = json.text("remedy").printable
        }

        /// What several nodes have in common is one, in the place of the first.
        static func merged(_ findings: [Found]) -> [Found] {
            var merged: [Found] = []
            for found in findings {
                if let known = merged.firstIndex(where: { $0.isSame(as: found) }) {
                    merged[known].nodes += found.nodes
                } else {
                    merged.append(found)
                }
            }
            return merged
        }

        private func isSame(as other: Found) -> Bool {
            check == other.check && severity == other.severity && dies == other.dies
                && evidence == other.evidence && remedy == other.remedy
                && nodes.isEmpty == other.nodes.isEmpty
        }

        /// Whether another check has found the same, of the same nodes.
        func isToldLike(_ other: Found) -> Bool {
            severity == other.severity && nodes == other.nodes && dies == other.dies
                && evidence == other.evidence && remedy == other.remedy
        }
    }
}

extension Style {
    fileprivate init(severity: Severity?) {
        switch severity {
        case .ok: self = .good
        case .info, nil: self = .plain
        case .unknown, .warning: self = .attention
        case .error: self = .bad
        }
    }
}
