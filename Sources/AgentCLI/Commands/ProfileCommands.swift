// The published deployments, profiles of one's own, and what they come to on given nodes: all without
// an agent.

import Base
import EventLoop
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
    invocation.withConfiguration { () throws(ConfigurationError) in
        let name = invocation.arguments.positional(0) ?? ""
        invocation.console.outRaw(try ProfileCatalog.profile(named: name).yaml)
        return .success
    }
}

func validateProfile(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments.positional(0) ?? ""
    return invocation.withConfiguration { () throws(ConfigurationError) in
        guard let profile = try invocation.profile(inFile: path) else { return .usage }
        invocation.console.out(
            "\(path) is right: \(profile.name), \(profile.topology), \(profile.cards) cards, "
                + "\(profile.nodesNeeded) nodes")
        return .success
    }
}

// MARK: - Rendering

func renderProfile(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    guard let addresses = arguments[.nodes] else {
        return invocation.misused("--nodes is missing: the nodes' addresses, prefill nodes first")
    }
    guard let interface = arguments[.interface] else {
        return invocation.misused("--interface is missing: the interface of HCCL and Gloo")
    }
    guard let model = arguments[.model] else {
        return invocation.misused("--model is missing: the directory of the weights")
    }
    return invocation.withConfiguration { () throws(ConfigurationError) in
        guard let profile = try invocation.namedProfile() else { return .usage }
        let sglang = arguments[.sglang].flatMap { Version($0) }
        if let text = arguments[.sglang], sglang == nil {
            return invocation.misused("--sglang takes a version such as 0.5.12, not \"\(text)\"")
        }
        let candidates = addresses.split(separator: ",").map { address in
            Candidate(
                node: NodeID(String(address)), address: String(address), isUsable: true)
        }
        let outcome = Planner.plan(
            profile: profile, candidates: candidates, previous: nil, epoch: Epoch.none.next)
        switch outcome {
        case .failure(let failure):
            return invocation.misused("\(profile.name) cannot be placed: \(failure)")
        case .success(let plan):
            do throws(DialectRefusal) {
                let rendered = try RenderedPlan(
                    profile: profile, modelPath: model, plan: plan, sglang: sglang,
                    interface: { _ in interface })
                for warning in rendered.warnings { invocation.console.complain(warning) }
                invocation.show(rendered.json) {
                    scripts(of: rendered, profile, hasColour: invocation.console.hasColour)
                }
                return .success
            } catch {
                return invocation.misused("\(error)")
            }
        }
    }
}

private func scripts(of rendered: RenderedPlan, _ profile: Profile, hasColour: Bool) -> String {
    var text = ""
    for script in rendered.scripts {
        text += "# ===== node \(script.node) =====\n" + script.text + "\n"
    }
    guard !profile.deviations.isEmpty else { return text }
    text += "# ===== where this differs from the publication, and why =====\n"
    for deviation in profile.deviations {
        text += "# \(deviation.place)\n"
        for (title, value) in [
            ("published", deviation.published), ("ours", deviation.ours), ("why", deviation.why),
        ] {
            let lines = value.split(separator: "\n").map(String.init)
            text += "#   \(title): " + lines.joined(separator: "\n#     ") + "\n"
        }
    }
    return text
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

    /// The profile that the command line names, published or in a file; nil after a complaint.
    func namedProfile() throws(ConfigurationError) -> Profile? {
        switch (arguments.positional(0), arguments[.profileFile]) {
        case (let name?, nil): return try ProfileCatalog.profile(named: name)
        case (nil, let file?): return try profile(inFile: file)
        case (nil, nil):
            _ = misused("PROFILE is missing: a published name, or --profile FILE")
        case (_?, _?):
            _ = misused("either PROFILE or --profile FILE, not both")
        }
        return nil
    }

    /// The profile in that file; nil after a complaint that it cannot be read.
    func profile(inFile path: String) throws(ConfigurationError) -> Profile? {
        let bytes: [UInt8]
        do throws(UVError) {
            bytes = try Files.read(path, limitBytes: 1 << 20)
        } catch {
            console.complain("\(error)")
            return nil
        }
        return try Profile.parse(String(decoding: bytes, as: UTF8.self), file: path)
    }
}
