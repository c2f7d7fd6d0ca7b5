// How long ago something was, from the RFC 3339 text that the control API gives.

import Base

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
