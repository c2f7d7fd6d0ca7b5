// Who says a line, and when. Three writers meet in an engine's output, each with a head of its own:
//
//     [2026-03-04 05:06:07 DP1 TP3 EP3] text                                SGLang
//     [ERROR] HCCL(4711,python3):2026-03-04-05:06:07.123.456 [file:1] text  CANN, in plog files
//     [ERROR] 2026-03-04-05:06:07 (PID:4711, Device:3, RankID:3) text       torch_npu

/// The head of a line.
public struct LogPrefix: Hashable, Sendable {
    /// As written: local time, of which the writer does not tell the zone.
    public let time: LocalTime?
    /// What SGLang calls the process: `DP1 TP3 EP3`; empty for the main process.
    public let speaker: String
    public let tensorRank: Int?
    public let pipelineRank: Int?
    /// As torch_npu tells them.
    public let device: Int?
    public let worldRank: Int?

    init?(_ line: [UInt8]) {
        guard let first = line.first, first == UInt8(ascii: "[") else { return nil }
        var cursor = Cursor(line, at: 1)
        if let time = LocalTime(&cursor) {
            self.time = time
            let words = cursor.text { $0 == UInt8(ascii: "]") }
            speaker = String(decoding: words.prefix(64), as: UTF8.self)
                .split(separator: " ").joined(separator: " ")
            let numbers = speaker.split(separator: " ")
            tensorRank = Self.number(after: "TP", in: numbers)
            pipelineRank = Self.number(after: "PP", in: numbers)
            device = nil
            worldRank = nil
            return
        }
        let levels: [StaticString] = ["ERROR", "EVENT", "WARNING", "INFO", "DEBUG", "W", "E"]
        guard levels.contains(where: { cursor.take($0) && cursor.take("]") }) else { return nil }
        cursor.skipSpaces()
        if let time = LocalTime(&cursor) {
            self.time = time
        } else {
            _ = cursor.text { $0 == UInt8(ascii: ":") }
            cursor.skip()
            time = LocalTime(&cursor)
        }
        speaker = ""
        tensorRank = nil
        pipelineRank = nil
        var identity = cursor
        device = identity.seek("Device:") ? identity.number() : nil
        identity = cursor
        worldRank = identity.seek("RankID:") ? identity.number() : nil
    }

    static func number(after word: String, in words: [Substring]) -> Int? {
        words.first { $0.hasPrefix(word) }.flatMap { Int($0.dropFirst(word.count)) }
    }
}

/// A time as a log writes it, in the zone of its host.
public struct LocalTime: Hashable, Sendable {
    /// As if the zone were UTC.
    public let microseconds: Int64
    /// Whether the writer says that it is UTC.
    public let isUTC: Bool
    /// How finely it is written: the true time is not later than this after it.
    public let resolution: Int64

    /// Reads `2026-03-04 05:06:07`, or with `-` or `T` in the middle, and with up to six more digits
    /// behind it, which CANN writes in two groups.
    init?(_ cursor: inout Cursor) {
        var place = cursor
        guard let year = place.digits(4), place.take("-"), let month = place.digits(2),
            place.take("-"), let day = place.digits(2),
            place.take(" ") || place.take("-") || place.take("T"),
            let hour = place.digits(2), place.take(":"), let minute = place.digits(2),
            place.take(":"), let second = place.digits(2),
            (1970...2200).contains(year), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var microseconds: Int64 = 0
        var resolution: Int64 = 1_000_000
        while resolution > 1, place.next == UInt8(ascii: ".") || place.next == UInt8(ascii: ",") {
            var fraction = place
            fraction.skip()
            guard let group = fraction.digits(3) else { break }
            resolution /= 1000
            microseconds += Int64(group) * resolution
            place = fraction
        }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
        self.microseconds = seconds * 1_000_000 + microseconds
        self.resolution = resolution
        isUTC = place.take("Z")
        cursor = place
    }

    /// By counting 400-year eras from 0000-03-01.
    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }
}
