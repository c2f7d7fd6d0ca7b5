// The published deployments and profiles of one's own, without any agent.

import Base
import EventLoop
import Glibc
import Planning
import Profiles
import YAML

// MARK: - The published table

func listProfiles(_ invocation: Invocation) -> ExitCode {
    let console = invocation.console
    if invocation.arguments.has(.names) {
        for name in ProfileCatalog.names { console.out(name) }
        return .success
    }
    invocation.show(["profiles": .array(ProfileCatalog.published.map(row))]) {
        var table = Table("PROFILE", "CARDS#", "NODES#", "MODE", "DATASET", "TPOT#")
        for profile in ProfileCatalog.published {
            table.add(
                Table.Cell(profile.name), Table.Cell(String(profile.cards)),
                Table.Cell(String(profile.nodesNeeded)), Table.Cell(profile.topology),
                Table.Cell(profile.published?.dataset ?? ""),
                Table.Cell(profile.published?.tpot ?? ""))
        }
        return table.lines(colour: console.hasColour).map { $0 + "\n" }.joined()
    }
    return .success
}

private func row(of profile: Profile) -> JSONValue {
    [
        "name": .string(profile.name), "model": .string(profile.model),
        "hardware": .string(profile.hardware), "cards": .integer(Int64(profile.cards)),
        "nodes": .integer(Int64(profile.nodesNeeded)), "topology": .string(profile.topology),
        "category": JSONValue(profile.published?.category),
        "deploy_mode": JSONValue(profile.published?.deployMode),
        "dataset": JSONValue(profile.published?.dataset),
        "tpot": JSONValue(profile.published?.tpot),
        "quantization": JSONValue(profile.quantization),
        "sglang": JSONValue(profile.sglang?.description),
    ]
}

extension Profile {
    /// The fewest nodes that it can be placed on.
    var nodesNeeded: Int {
        let atMost = roles.map { $0.groups * $0.nodes }.reduce(0, +)
        return (1...atMost).first { count in
            let candidates = (1...count).map { number in
                Candidate(
                    node: NodeID("\(number)"), address: "127.0.0.\(number)", isUsable: true)
            }
            let outcome = Planner.plan(
                profile: self, candidates: candidates, previous: nil, epoch: Epoch.none.next)
            return (try? outcome.get()) != nil
        } ?? atMost
    }
}

func showProfile(_ invocation: Invocation) -> ExitCode {
    let name = invocation.arguments.positional(0) ?? ""
    guard let profile = invocation.publishedProfile(name) else { return .usage }
    invocation.show(profile.json) { profile.yaml }
    return .success
}

// MARK: - Checking

func validateProfile(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments.positional(0) ?? ""
    guard let text = invocation.text(ofProfileFile: path) else { return .usage }
    let log = DiagnosticLog()
    var errors: [Diagnostic] = []
    var profile: Profile?
    do throws(ConfigurationError) {
        profile = try Profile.parse(text, file: path, suspicions: log)
    } catch {
        errors = error.diagnostics
    }
    let isStrict = invocation.arguments.has(.strict)
    // A name that is an error already needs no suspicion.
    let suspicions = log.warnings.filter { warning in
        !errors.contains {
            $0.location.file == warning.location.file && $0.location.line == warning.location.line
        }
    }
    let warnings = isStrict ? [] : suspicions
    errors += isStrict ? suspicions : []
    let isRight = errors.isEmpty
    if invocation.arguments.has(.json) {
        let facts = validation(path, isRight ? profile : nil, errors, warnings)
        invocation.console.outRaw(facts.pretty)
        return isRight ? .success : .usage
    }
    for warning in warnings { invocation.console.complain("warning: \(warning)") }
    if !isRight { invocation.console.complain(ConfigurationError(errors).description) }
    if isRight, let profile {
        invocation.console.out(
            "\(path) is right: \(profile.name), \(profile.topology), \(profile.cards) cards, "
                + counted(profile.nodesNeeded, "node"))
    }
    return isRight ? .success : .usage
}

private func validation(
    _ path: String, _ profile: Profile?, _ errors: [Diagnostic], _ warnings: [Diagnostic]
) -> JSONValue {
    [
        "file": .string(path), "valid": .bool(errors.isEmpty),
        "profile": JSONValue(profile?.name), "topology": JSONValue(profile?.topology),
        "cards": profile.map { .integer(Int64($0.cards)) } ?? .null,
        "nodes": profile.map { .integer(Int64($0.nodesNeeded)) } ?? .null,
        "errors": .array(errors.map(json)), "warnings": .array(warnings.map(json)),
    ]
}

func json(of diagnostic: Diagnostic) -> JSONValue {
    [
        "file": .string(diagnostic.location.file),
        "line": .integer(Int64(diagnostic.location.line)),
        "column": .integer(Int64(diagnostic.location.column)),
        "field": .string(diagnostic.field), "message": .string(diagnostic.message),
    ]
}

// MARK: - Finding the profile

extension Invocation {
    /// Runs what may find mistakes in a file; prints each and gives the exit code then.
    func withConfiguration(
        _ body: () throws(ConfigurationError) -> ExitCode
    ) -> ExitCode {
        do throws(ConfigurationError) {
            return try body()
        } catch {
            console.complain(error.description)
            return .usage
        }
    }

    /// The profile that the command line names, published or in a file, and the published one of
    /// `name` where it names none; nil after a complaint.
    func namedProfile(or name: String? = nil) throws(ConfigurationError) -> Profile? {
        switch (arguments.positional(0), arguments[.profileFile]) {
        case (let name?, nil): return publishedProfile(name)
        case (nil, let file?):
            let isName = ProfileCatalog.names.contains(file) && !Files.exists(file)
            return isName ? publishedProfile(file) : try profile(inFile: file)
        case (nil, nil):
            if let name { return publishedProfile(name) }
            _ = misused("PROFILE is missing: a published name, or --profile FILE")
        case (_?, _?):
            _ = misused("either PROFILE or --profile FILE, not both")
        }
        return nil
    }

    /// The published profile of that name; nil after a complaint that there is none.
    func publishedProfile(_ name: String) -> Profile? {
        do throws(UnknownProfile) {
            return try ProfileCatalog.profile(named: name)
        } catch {
            console.complain("\(error)\n  `glm-agent profiles` lists them.")
            return nil
        }
    }

    /// The profile in that file, after a warning of every suspicious name; nil after a complaint
    /// that it cannot be read.
    private func profile(inFile path: String) throws(ConfigurationError) -> Profile? {
        guard let text = text(ofProfileFile: path) else { return nil }
        let log = DiagnosticLog()
        defer { for warning in log.warnings { console.complain("warning: \(warning)") } }
        return try Profile.parse(text, file: path, suspicions: log)
    }

    /// The text of that file; nil after a complaint that it cannot be read.
    func text(ofProfileFile path: String) -> String? {
        do throws(UVError) {
            return String(decoding: try Files.read(path, limitBytes: 1 << 20), as: UTF8.self)
        } catch {
            let isMissing = error.code == -ENOENT
            console.complain(
                isMissing
                    ? "there is no file \(path)\n  Name the file of a profile, or begin one: "
                        + "`glm-agent profiles show NAME > \(path)`."
                    : "\(path) cannot be read: \(error.message)\n"
                        + "  It must be a file that you may read, of at most 1 MiB.")
            return nil
        }
    }
}
