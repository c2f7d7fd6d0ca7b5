// A profile speaks the SGLang of its publication, and SGLang renames and drops arguments between
// versions. A rule tells what one name has become; the table of them (DialectTable.swift) was read
// off the parsers of 0.5.12.post1, 0.5.14 and 0.5.19 to 0.5.23, so that it is complete for every
// argument of 0.5.12.post1.

/// What happened to a name.
public enum DialectAction: String, Hashable, Sendable {
    /// The name is gone and did nothing that is missed.
    case removed
    /// Another name means the same.
    case renamed
    /// Other words say the same: other values, or several arguments for one.
    case changed
    /// The name is read as the beginning of another, or of several.
    case ambiguous
    /// The name is gone with what it did.
    case refused
}

/// One row of the table.
struct DialectRule {
    /// The first version for which the rule is applied.
    let from: Version
    let action: DialectAction
    /// The spellings of the argument, or the environment variable.
    let names: [String]
    /// The row stands only where this argument is given, or is not given.
    let condition: Condition
    let replacement: Replacement
    /// What SGLang did, and where that can be read.
    let why: String

    enum Condition {
        case always
        case with([String])
        case without([String])
    }

    enum Replacement {
        case nothing
        /// Nothing, where the value is one of these, which are the default now.
        case nothingFor([String])
        /// The same values under another name.
        case name(String)
        /// These arguments instead, whatever the values were.
        case arguments([Argument])
        /// Another name, and for every known value its new one.
        case values(String, [String: String])
        /// Nothing says the same.
        case none
    }

    init(
        _ from: String, _ action: DialectAction, _ names: [String], when: Condition = .always,
        instead replacement: Replacement, why: String
    ) {
        guard let version = Version(from) else { fatalError("\(from) in the table is no version") }
        self.from = version
        self.action = action
        self.names = names
        condition = when
        self.replacement = replacement
        self.why = why
    }

    func applies(to version: Version, beside flags: Set<String>) -> Bool {
        guard version >= from else { return false }
        switch condition {
        case .always: return true
        case .with(let names): return !flags.isDisjoint(with: names)
        case .without(let names): return flags.isDisjoint(with: names)
        }
    }
}
