// The measured TPOT against the published one. Some deployments were published twice with different
// targets, so the target is that of the profile that was asked for, and of no other of the same form.

import Base
import Profiles

/// What is to be said of a result.
enum BenchmarkVerdict: Hashable, Sendable {
    /// Both in milliseconds; the measured one is the mean.
    case met(measured: Double, target: Double)
    case missed(measured: Double, target: Double)
    case notJudged(String)

    /// - Parameters:
    ///   - measured: the time for each output token.
    ///   - profile: whose target counts.
    ///   - objection: why the figures must not be compared with the target; nil where they may.
    init(_ measured: LatencySummary?, of profile: Profile, objection: String?) {
        guard let target = profile.published?.targetMilliseconds else {
            self = .notJudged(objection ?? "the profile has no published target")
            return
        }
        if let objection {
            self = .notJudged("\(objection); target (\(shortNumber(target)) ms) not judged")
        } else if let mean = measured?.mean {
            self =
                mean <= target
                ? .met(measured: mean, target: target) : .missed(measured: mean, target: target)
        } else {
            self = .notJudged("no TPOT was measured; target (\(shortNumber(target)) ms) not judged")
        }
    }

    var word: String {
        switch self {
        case .met: "met"
        case .missed: "missed"
        case .notJudged: "not judged"
        }
    }

    var sentence: String {
        switch self {
        case .met(let measured, let target):
            "target met: mean TPOT \(decimal(measured, digits: 2)) ms, published "
                + "\(shortNumber(target)) ms"
        case .missed(let measured, let target):
            "target missed: mean TPOT \(decimal(measured, digits: 2)) ms, published "
                + "\(shortNumber(target)) ms"
        case .notJudged(let reason): reason
        }
    }

    var style: Style {
        switch self {
        case .met: .good
        case .missed: .bad
        case .notJudged: .plain
        }
    }
}

extension Publication {
    /// The published TPOT, as in `20ms`; nil where it says something else.
    var targetMilliseconds: Double? { milliseconds(tpot) }
}

/// `20ms` as a number; nil where it says something else.
func milliseconds(_ text: String) -> Double? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text[digits.endIndex...].drop { $0 == " " }
    guard unit == "ms", let number = Double(digits), number > 0 else { return nil }
    return number
}

/// `20`, or `25.5`.
private func shortNumber(_ number: Double) -> String {
    number == number.rounded() ? decimal(number, digits: 0) : decimal(number, digits: 1)
}
