// Two clocks, never mixed. A machine decides by `Instant` alone, the monotonic clock of its process;
// `WallTime` is only ever shown to people. Both are arguments: no core reads a clock.

/// A point on the monotonic clock of one process. Only differences mean anything.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an origin of the process's own.
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The origin, where simulated time begins.
    public static let zero = Instant(nanoseconds: 0)

    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    public static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds + duration.nanoseconds)
    }

    public static func - (later: Instant, earlier: Instant) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

extension Duration {
    /// The whole duration in nanoseconds. It holds 292 years; what is longer is cut to that, since
    /// durations come from clocks of peers and from configuration too.
    public var nanoseconds: Int64 {
        let limit: Int64 = 9_223_372_036
        let (seconds, attoseconds) = components
        let whole = min(max(seconds, -limit), limit) * 1_000_000_000
        return seconds.magnitude > limit.magnitude ? whole : whole + attoseconds / 1_000_000_000
    }

    /// The whole duration in milliseconds, rounded up, as timers want it.
    public var millisecondsRoundedUp: Int64 {
        (nanoseconds + 999_999) / 1_000_000
    }

    /// Whole seconds, for people: `72 s`.
    public var wholeSeconds: String { "\(nanoseconds / 1_000_000_000) s" }

    /// The duration in seconds, for people.
    public var inSeconds: Double {
        Double(nanoseconds) / 1_000_000_000
    }
}

/// Wall-clock time, for people and ledgers only. Clocks of nodes differ; nothing is decided by it.
public struct WallTime: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let millisecondsSinceEpoch: Int64

    public init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = millisecondsSinceEpoch
    }

    public static func < (left: WallTime, right: WallTime) -> Bool {
        left.millisecondsSinceEpoch < right.millisecondsSinceEpoch
    }

    /// Beyond all time it stays at the last moment there is: nodes may report whatever they like.
    public static func + (time: WallTime, duration: Duration) -> WallTime {
        let milliseconds = duration.nanoseconds / 1_000_000
        let (sum, overflows) = time.millisecondsSinceEpoch.addingReportingOverflow(milliseconds)
        return WallTime(
            millisecondsSinceEpoch: overflows ? (milliseconds < 0 ? .min : .max) : sum)
    }

    public static func - (later: WallTime, earlier: WallTime) -> Duration {
        .milliseconds(later.millisecondsSinceEpoch) - .milliseconds(earlier.millisecondsSinceEpoch)
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-24T19:05:28.120Z`.
    public var description: String {
        let milliseconds = millisecondsSinceEpoch
        let days = milliseconds.flooredQuotient(86_400_000)
        let ofDay = milliseconds.flooredRemainder(86_400_000)
        let (year, month, day) = Self.civilDate(daysSinceEpoch: days)
        let time = [ofDay / 3_600_000, ofDay / 60_000 % 60, ofDay / 1000 % 60]
            .map { padded($0, to: 2) }
            .joined(separator: ":")
        let date = "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
        return "\(date)T\(time).\(padded(ofDay % 1000, to: 3))Z"
    }

    /// The proleptic Gregorian date of a day, by counting 400-year eras from 0000-03-01.
    private static func civilDate(
        daysSinceEpoch: Int64
    ) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension WallTime: CustomStringConvertible {}

extension WallTime {
    /// Reads `2026-11-24T19:05:28.120Z`, the form that ``description`` writes; nil for others.
    public init?(text: String) {
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

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    fileprivate func flooredRemainder(_ divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}

private func padded(_ value: Int64, to width: Int) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return (value < 0 ? "-" : "") + zeros + digits
}
