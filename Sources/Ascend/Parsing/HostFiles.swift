// The kernel's and the system's files that a launch depends on.

/// A resource limit; nil is unlimited.
public struct ResourceLimit: Hashable, Sendable {
    public let soft: Int?
    public let hard: Int?

    public init(soft: Int?, hard: Int?) {
        self.soft = soft
        self.hard = hard
    }
}

/// Readers of files of the host.
public enum HostFiles {
    /// A line of `/proc/self/limits`: `Max open files  1024  524288  files`. The name is
    /// `Max open files` or `Max locked memory`.
    public static func limit(_ name: String, in text: String) throws(ParseError) -> ResourceLimit {
        guard let line = lines(of: text).first(where: { $0.hasPrefix(name) }) else {
            throw ParseError(expected: "a line \"\(name)\"", line: lines(of: text).first ?? "")
        }
        let values = words(of: line.dropFirst(name.count)).prefix(2)
        let numbers = values.map { $0 == "unlimited" ? Int.max : Int($0) }
        guard numbers.count == 2, let soft = numbers[0], let hard = numbers[1] else {
            throw ParseError(expected: "a soft and a hard limit", line: line)
        }
        return ResourceLimit(
            soft: soft == Int.max ? nil : soft, hard: hard == Int.max ? nil : hard)
    }

    /// The size of a tmpfs in bytes from `/proc/self/mounts`; nil when nothing is mounted there or
    /// the mount does not tell.
    public static func tmpfsBytes(at mountPoint: String, mounts text: String) -> Int? {
        let mount = lines(of: text).last { line in
            let words = words(of: line)
            return words.count > 3 && words[1] == mountPoint && words[2] == "tmpfs"
        }
        guard let mount else { return nil }
        let option = words(of: mount)[3].split(separator: ",").first { $0.hasPrefix("size=") }
        guard let size = option?.dropFirst("size=".count),
            let number = Int(size.prefix { $0.isNumber })
        else { return nil }
        let unit =
            switch size.last?.lowercased() {
            case "k": 1 << 10
            case "m": 1 << 20
            case "g": 1 << 30
            case let last? where last.allSatisfy(\.isNumber): 1
            default: 0
            }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return unit == 0 || overflow ? nil : bytes
    }

    /// The word in brackets of a setting with several: `always [madvise] never`.
    public static func chosen(in text: String) throws(ParseError) -> String {
        guard let word = words(of: text).first(where: { $0.hasPrefix("[") && $0.hasSuffix("]") }),
            word.count > 2
        else { throw ParseError(expected: "one word in brackets", line: text) }
        return String(word.dropFirst().dropLast())
    }

    /// The addresses that `/etc/hosts` gives a name.
    public static func addresses(of name: String, hosts text: String) -> [String] {
        lines(of: text).compactMap { line in
            let words = words(of: line.prefix { $0 != "#" })
            return words.dropFirst().contains(Substring(name)) ? words.first.map(String.init) : nil
        }
    }
}
