// A tolerant reading of a Python command line: which flags stand there, with which words after
// them. Flags that nobody asks for are kept and ignored, as the rehearsal stands in for many
// versions of SGLang; a flag that is asked for must make sense.

/// The flags of a command line in their order.
struct FlagList: Hashable, Sendable {
    struct Flag: Hashable, Sendable {
        /// With its dashes.
        let name: String
        let values: [String]
    }

    private(set) var flags: [Flag] = []

    /// - Throws: usage, where a word stands before any flag.
    init(parsing argv: [String]) throws(ArgumentError) {
        var name: String?
        var values: [String] = []
        for word in argv {
            guard word.hasPrefix("--") else {
                guard name != nil else { throw .usage("unrecognized arguments: \(word)") }
                values.append(word)
                continue
            }
            if let name { flags.append(Flag(name: name, values: values)) }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            name = parts.first.map(String.init)
            values = parts.dropFirst().map(String.init)
        }
        if let name { flags.append(Flag(name: name, values: values)) }
    }

    /// Whether a flag stands there.
    func has(_ name: String) -> Bool {
        flags.contains { $0.name == name }
    }

    /// Every use of a flag.
    func uses(_ names: [String]) -> [Flag] {
        flags.filter { names.contains($0.name) }
    }

    /// The value of a flag; the last use wins, as in argparse.
    /// - Throws: usage, where the flag stands without a value or with several.
    func text(_ names: [String]) throws(ArgumentError) -> String? {
        guard let flag = uses(names).last else { return nil }
        guard let value = flag.values.first else {
            throw .usage("argument \(Self.title(names)): expected one argument")
        }
        guard flag.values.count == 1 else {
            throw .usage(
                "unrecognized arguments: \(flag.values.dropFirst().joined(separator: " "))")
        }
        return value
    }

    /// The whole number of a flag.
    /// - Throws: usage, where its value is none.
    func integer(_ names: [String]) throws(ArgumentError) -> Int? {
        guard let text = try text(names) else { return nil }
        guard let value = Int(text) else {
            throw .usage("argument \(Self.title(names)): invalid int value: '\(text)'")
        }
        return value
    }

    /// The TCP port of a flag.
    /// - Throws: usage or check, where its value is none.
    func port(_ names: [String]) throws(ArgumentError) -> UInt16? {
        guard let value = try integer(names) else { return nil }
        guard let port = UInt16(exactly: value) else {
            throw .check("\(Self.title(names)) \(value) is no TCP port")
        }
        return port
    }

    /// One of several words.
    /// - Throws: usage, where its value is another.
    func choice(_ names: [String], of choices: [String]) throws(ArgumentError) -> String? {
        guard let value = try text(names) else { return nil }
        guard choices.contains(value) else {
            let listed = choices.map { "'\($0)'" }.joined(separator: ", ")
            throw .usage(
                "argument \(Self.title(names)): invalid choice: '\(value)' (choose from \(listed))")
        }
        return value
    }

    private static func title(_ names: [String]) -> String {
        names.joined(separator: "/")
    }
}
