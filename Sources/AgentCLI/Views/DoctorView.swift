// A diagnosis for people: a line a check with its worst state, then what was found, worst first, each with
// node, dies, evidence and what to do.

import Ascend
import Base
import Doctor

/// A diagnosis as lines of text.
struct DoctorView {
    /// As `GET /v1/doctor` gives it.
    let diagnosis: JSONValue
    let colour: Bool

    var text: String {
        let findings = (diagnosis["findings"]?.arrayValue ?? []).map(Found.init)
        let bad = findings.filter { $0.severity > .ok }
        let parts = [checks(findings), [summary(findings)], details(bad)]
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

    private func details(_ findings: [Found]) -> [String] {
        Severity.allCases.reversed().flatMap { severity in
            findings.filter { $0.severity == severity }.flatMap(lines)
        }
    }

    private func lines(_ found: Found) -> [String] {
        let word = found.severity.rawValue
        let shown = colour ? Style(severity: found.severity).applied(to: word) : word
        let place = [found.node, found.dies.isEmpty ? nil : found.dies.shown].compactMap { $0 }
        let whose = place.isEmpty ? "" : place.joined(separator: ", ") + ": "
        let first = "\(shown) [\(found.check)] \(whose)\(found.evidence)"
        return [first] + (found.remedy.isEmpty ? [] : ["    \(found.remedy)"])
    }

    /// One finding, read back.
    private struct Found {
        let check: Int64
        let severity: Severity
        let node: String?
        let dies: [DieID]
        let evidence: String
        let remedy: String

        init(_ json: JSONValue) {
            check = json["check"]?.integerValue ?? 0
            // An agent of another version may know words that this program does not.
            severity = json["severity"]?.stringValue.flatMap(Severity.init(rawValue:)) ?? .unknown
            node = json["node"]?.stringValue
            dies = (json["dies"]?.arrayValue ?? []).compactMap { die in
                die.integerValue.flatMap { Int(exactly: $0) }.map { DieID($0) }
            }
            evidence = json.text("evidence").printable
            remedy = json.text("remedy").printable
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
