// What the fields of a profile say about each other. The rules on arguments are those that SGLang
// 0.5.12 checks itself (server_args.py) once the model is loading, on every node, minutes in; here
// they are told at once, with the line to change.

import Base
import YAML

struct ProfileValidation {
    let profile: Profile
    let document: YAMLNode
    let origins: InheritedOrigins
    let log: DiagnosticLog

    /// The agent's own ports, unless its configuration says otherwise.
    static let agentClaims = [
        PortClaim(7600...7600, "the agent's peers"), PortClaim(7601...7601, "the agent's HTTP"),
    ]

    func check() {
        checkRoles()
        if log.diagnostics.isEmpty { checkCards() }
        checkPlaceholders()
        checkPorts()
        for role in profile.roles {
            RoleValidation(profile: profile, role: role) { path, message, causes in
                report(path, message, because: causes)
            }.check()
            AscendValidation(profile: profile, role: role) { name, message in
                let own = role.environment.contains { $0.name == name }
                let path = own ? ["roles", role.role.rawValue] : []
                report(path + ["environment", name], message)
            }.check()
        }
    }

    /// Reports at a field, or at another that takes part in the violation: at the first of them
    /// that the operator wrote or removed, else where the field was inherited.
    private func report(
        _ path: [String], _ message: String, because causes: [[String]] = []
    ) {
        let place = deepestNode(on: path).location
        let isOwn = place.file == document.location.file
        for field in isOwn ? [path] : [path] + causes {
            guard let place = ownPlace(of: field) else { continue }
            return log.report(message, at: place, field: field.joined(separator: "."))
        }
        let field = path.joined(separator: ".")
        guard let base = origins.base(of: place.file) else {
            return log.report(message, at: place, field: field)
        }
        log.report(
            "\(message); inherited through \(base.name) (\(place))", at: base.location, field: field
        )
    }

    private func deepestNode(on path: [String]) -> YAMLNode {
        var node = document
        for name in path {
            guard let next = node[name] else { break }
            node = next
        }
        return node
    }

    /// Where the field, or its removal, stands in the operator's own file.
    private func ownPlace(of path: [String]) -> SourceLocation? {
        var node: YAMLNode? = document
        for name in path { node = node?[name] }
        let place = node?.location ?? origins.removals[path.joined(separator: ".")]
        return place?.file == document.location.file ? place : nil
    }

    private func checkRoles() {
        let roles = profile.roles.map(\.role)
        if roles != [.mixed], roles != [.prefill, .decode] {
            report(["roles"], "expected mixed alone, or prefill and decode")
        }
        if roles.contains(.prefill), profile.router == nil {
            report([], "expected the field \"router\": prefill and decode are served through one")
        }
        if roles == [.mixed], profile.router != nil {
            report(["router"], "expected no router: a mixed deployment serves by itself")
        }
        for role in profile.roles where role.role != .prefill && role.ports.bootstrap != nil {
            report(
                ["roles", role.role.rawValue, "ports", "bootstrap"],
                "expected no bootstrap port: only prefill has one")
        }
        if let prefill = profile.role(.prefill), prefill.ports.bootstrap == nil {
            report(["roles", "prefill", "ports"], "expected the field \"bootstrap\"")
        }
    }

    private func checkCards() {
        let wanted = profile.groupShapes.map { $0.nodes * $0.devices.count }.reduce(0, +)
        let stated = profile.cards * profile.devicesPerCard
        if wanted != stated {
            report(
                ["cards"],
                "expected the cards of all groups: the roles take \(wanted) devices, "
                    + "\(profile.cards) cards of \(profile.devicesPerCard) have \(stated)",
                because: profile.roles.flatMap { role in
                    ["groups", "nodes", "devices"].map { ["roles", role.role.rawValue, $0] }
                })
        }
    }

    // MARK: Placeholders

    private func checkPlaceholders() {
        check(profile.environment, at: ["environment"], Placeholder.engine, profile.roles)
        check(profile.arguments, at: ["arguments"], Placeholder.engine, profile.roles)
        for role in profile.roles {
            let path = ["roles", role.role.rawValue]
            check(role.environment, at: path + ["environment"], Placeholder.engine, [role])
            check(role.arguments, at: path + ["arguments"], Placeholder.engine, [role])
        }
        if let router = profile.router {
            check(router.host, at: ["router", "host"], [.address], [])
            check(router.arguments, at: ["router", "arguments"], Placeholder.router, [])
            checkWorkers(router.arguments)
        }
        if let benchmark = profile.benchmark {
            check(benchmark.arguments, at: ["benchmark", "arguments"], Placeholder.benchmark, [])
        }
    }

    /// An argument is repeated for the workers of one role.
    private func checkWorkers(_ arguments: [Argument]) {
        for argument in arguments {
            let names = Set(argument.values.flatMap { Template($0).placeholders })
            if names.contains("decode_url"),
                !names.isDisjoint(with: ["prefill_url", "bootstrap_port"])
            {
                report(
                    ["router", "arguments", argument.flag],
                    "expected placeholders of prefill or of decode workers, found both")
            }
        }
    }

    private func check(
        _ values: [NamedValue], at path: [String], _ known: [Placeholder], _ roles: [RoleProfile]
    ) {
        for value in values { check(value.value, at: path + [value.name], known, roles) }
    }

    private func check(
        _ arguments: [Argument], at path: [String], _ known: [Placeholder],
        _ roles: [RoleProfile]
    ) {
        for argument in arguments {
            for word in argument.values { check(word, at: path + [argument.flag], known, roles) }
        }
    }

    private func check(
        _ text: String, at path: [String], _ known: [Placeholder], _ roles: [RoleProfile]
    ) {
        let names = known.map(\.rawValue) + profile.paths.map(\.name)
        for name in Template(text).placeholders {
            guard names.contains(name) else {
                let nearest = suggestion(for: name, in: names)
                report(path, "unknown placeholder {\(name)}\(nearest)")
                continue
            }
            for role in roles {
                if let missing = missingSource(of: name, in: role) {
                    let source = missing.split(separator: ".").map(String.init)
                    report(
                        path, "{\(name)} has no value here: expected \(missing)",
                        because: [source, Array(source.dropLast())])
                }
            }
        }
    }

    /// What must be set for a placeholder to have a value in a role.
    private func missingSource(of name: String, in role: RoleProfile) -> String? {
        let ports = "roles.\(role.role.rawValue).ports"
        switch Placeholder(rawValue: name) {
        case .distInit where role.ports.distInit == nil: return "\(ports).dist_init"
        case .bootstrapPort where role.ports.bootstrap == nil: return "\(ports).bootstrap"
        case .store where profile.store == nil: return "store.port"
        default: return nil
        }
    }

    // MARK: Ports

    private func checkPorts() {
        for shape in profile.groupShapes {
            let path = ["roles", shape.role.rawValue, "ports"]
            let claims = shape.claims(ofMaster: true)
            for claim in claims where claim.ports.upperBound > 65535 {
                report(path, "\(claim.purpose) would need port \(claim.ports.upperBound)")
            }
            for (index, claim) in claims.enumerated() {
                check(claim, against: Array(claims[..<index]) + Self.agentClaims, at: path)
            }
        }
        let routerClaims = profile.routerClaims
        let master = profile.groupShapes.first?.claims(ofMaster: true) ?? []
        for (index, claim) in routerClaims.enumerated() {
            let others = Array(routerClaims[..<index]) + Self.agentClaims + master
            check(claim, against: others, at: ["router", "port"])
        }
    }

    private func check(_ claim: PortClaim, against others: [PortClaim], at path: [String]) {
        if let (own, other) = [claim].collision(with: others) {
            report(path, "\(own.purpose) and \(other.purpose) meet on port \(own.meets(other))")
        }
    }
}

extension PortClaim {
    /// The lowest port that both want; they must overlap.
    public func meets(_ other: PortClaim) -> Int {
        max(ports.lowerBound, other.ports.lowerBound)
    }
}
