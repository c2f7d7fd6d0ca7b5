// How long ago something was, from the RFC 3339 text that the control API gives.

import Base

extension WallTime {
    /// Reads `2026-11-24T19:05:28.120Z`, the form that ``description`` writes; nil for others.
    init?(text: String) {
        let numbers = text.split { !$0.isASCII || !$0.isNumber }.compactMap { Int64($0) }
        guard text.hasSuffix("Z"), numbers.count == 7, (1...12).contains(numbers[1]) else {
            return nil
        }
        // Days before a date, by counting from 0000-03-01 so that a leap day ends its year.
        let (year, month) =
            numbers[1] > 2 ? (numbers[0], numbers[1]) : (numbers[0] - 1, numbers[1] + 12)
        let days =
            365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5
            + numbers[2] - 1 - 719_468
        let seconds = ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]
        self.init(millisecondsSinceEpoch: seconds * 1000 + numbers[6])
    }
}

/// `3 s`, `12 min`, `5 h`, `4 d`: a duration for a column. Clocks of nodes differ a little, so
/// a time that has not come yet is now.
func shortDuration(_ duration: Duration) -> String {
    let seconds = max(0, duration.inSeconds)
    return switch seconds {
    case ..<60: "\(Int(seconds)) s"
    case ..<7200: "\(Int(seconds / 60)) min"
    case ..<172_800: "\(Int(seconds / 3600)) h"
    default: "\(Int(seconds / 86_400)) d"
    }
}

/// `1 seed`, `2 seeds`.
func counted(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
}

/// `12.34`: a number with that many digits after its point.
func decimal(_ number: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((number * scale).rounded())
    let fraction = String(abs(scaled) % Int64(scale))
    let sign = scaled < 0 ? "-" : ""
    let whole = "\(sign)\(abs(scaled) / Int64(scale))"
    guard digits > 0 else { return whole }
    return whole + "." + String(repeating: "0", count: digits - fraction.count) + fraction
}
