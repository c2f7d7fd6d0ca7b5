// Says what a profile says in the words of another SGLang. Which versions are served:
//  - older than the profile's `sglang` range: refused, since no translation leads back;
//  - all others: every row of the table whose version is reached is applied. For the published
//    profiles that is nothing within their range, so the publication stands word by word;
//  - newer than the newest that the table was read for: translated as for that one, with a warning.
//    An operator who upgrades is better served by a try, which Tests/Preflight can check against an
//    installed SGLang, than by a refusal for every new release.
// Where a row knows no words for what an argument did, or for its value, the translation is refused:
// an engine must not start as something else than was asked for.

/// One argument or variable that was translated.
public struct Translation: Hashable, Sendable {
    /// The argument or the environment variable, as the profile has it.
    public let flag: String
    public let action: DialectAction
    /// What stands in its place, as words of a command; nil for nothing.
    public let replacement: String?
    public let why: String

    /// `--cuda-graph-bs: ambiguous, now --cuda-graph-bs-decode 1 2 3`.
    public var summary: String {
        "\(flag): \(action.rawValue), " + (replacement.map { "now \($0)" } ?? "left out")
    }
}

/// Why a profile cannot be said in the words of a version.
public enum DialectRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case tooOld(profile: String, range: VersionRange, version: Version)
    case noTranslation(flag: String, version: Version, why: String)
    case unknownValue(flag: String, value: String, version: Version, known: [String])

    public var description: String {
        switch self {
        case .tooOld(let profile, let range, let version):
            "\(profile) is for SGLang \(range), and \(version) is older: "
                + "no translation leads back; install a newer SGLang or write a profile for it"
        case .noTranslation(let flag, let version, let why):
            "\(flag) cannot be said to SGLang \(version): \(why); "
                + "remove it from the profile, or install an older SGLang"
        case .unknownValue(let flag, let value, let version, let known):
            "\(flag) \(value) cannot be said to SGLang \(version): "
                + "only \(known.joined(separator: ", ")) can"
        }
    }
}

/// What one role is started with, in the words of a version.
public struct TranslatedRole: Hashable, Sendable {
    public let environment: [NamedValue]
    public let arguments: [Argument]
    /// In the order of the environment, then of the command.
    public let translations: [Translation]
}

extension Version {
    /// The newest SGLang whose parser the table of translations was compared with.
    public static let newestDialect: Version = {
        guard let version = Version(DialectTable.newestRead) else { fatalError("no version") }
        return version
    }()
}

extension Profile {
    /// The environment and arguments of a role, as they are written.
    public func untranslated(_ role: RoleProfile) -> TranslatedRole {
        TranslatedRole(
            environment: environment(of: role), arguments: arguments(of: role), translations: [])
    }

    /// The environment and arguments of a role in the words of that SGLang.
    public func translated(
        _ role: RoleProfile, for version: Version
    ) throws(DialectRefusal) -> TranslatedRole {
        if let range = sglang, range.isAbove(version) {
            throw .tooOld(profile: name, range: range, version: version)
        }
        var translator = Translator(version: version)
        let environment = try translator.environment(environment(of: role))
        let arguments = try translator.arguments(arguments(of: role))
        return TranslatedRole(
            environment: environment, arguments: arguments,
            translations: translator.translations)
    }

    /// What to know before the words of that SGLang are trusted; nil for nothing.
    public func dialectWarning(for version: Version) -> String? {
        if let range = sglang, range.contains(version) { return nil }
        guard version > .newestDialect else { return nil }
        return "SGLang \(version) is newer than \(Version.newestDialect), the newest whose "
            + "arguments are known here: translated as for \(Version.newestDialect)"
    }
}

private struct Translator {
    let version: Version
    var translations: [Translation] = []

    mutating func environment(_ values: [NamedValue]) throws(DialectRefusal) -> [NamedValue] {
        var kept: [NamedValue] = []
        for variable in values {
            let written = Argument(variable.name, [variable.value])
            let names = try translate(written, DialectTable.environment, beside: [])
            kept += names.map { NamedValue($0.flag, $0.values.first ?? "") }
        }
        return kept
    }

    mutating func arguments(_ arguments: [Argument]) throws(DialectRefusal) -> [Argument] {
        let flags = Set(arguments.map(\.flag))
        var kept: [Argument] = []
        for argument in arguments {
            kept += try translate(argument, DialectTable.arguments, beside: flags)
        }
        return kept
    }

    private mutating func translate(
        _ argument: Argument, _ rules: [DialectRule], beside flags: Set<String>
    ) throws(DialectRefusal) -> [Argument] {
        let rule = rules.first {
            $0.names.contains(argument.flag) && $0.applies(to: version, beside: flags)
        }
        guard let rule else { return [argument] }
        let new = try replacement(of: argument, by: rule)
        let words = new.flatMap { [$0.flag] + $0.values }
        translations.append(
            Translation(
                flag: argument.flag, action: rule.action,
                replacement: words.isEmpty ? nil : words.joined(separator: " "), why: rule.why))
        return new
    }

    private func replacement(
        of argument: Argument, by rule: DialectRule
    ) throws(DialectRefusal) -> [Argument] {
        switch rule.replacement {
        case .nothing: return []
        case .nothingFor(let values):
            let value = argument.values.joined(separator: " ")
            if values.contains(value) { return [] }
            throw .unknownValue(
                flag: argument.flag, value: value, version: version, known: values)
        case .name(let name): return [Argument(name, argument.values)]
        case .arguments(let arguments): return arguments
        case .values(let name, let values):
            let old = argument.values.joined(separator: " ")
            if let new = values[old] { return [Argument(name, [new])] }
            throw .unknownValue(
                flag: argument.flag, value: old, version: version, known: values.keys.sorted())
        case .none:
            throw .noTranslation(flag: argument.flag, version: version, why: rule.why)
        }
    }
}
