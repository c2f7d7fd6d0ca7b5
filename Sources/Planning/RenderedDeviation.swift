// A deviation as a rendered plan shows it. The profile gives templates; an operator who compares a
// script with the publication wants the value that stands in the script.

import Base
import Profiles

struct RenderedDeviation {
    let profile: Profile
    let specs: [LaunchSpec]
    let benchmark: [String]?

    /// The deviation with the value of the first shard that it affects. Where other shards have
    /// another value, the reason says so.
    func shown(_ deviation: Deviation) -> Deviation {
        let words = deviation.place.split(separator: " ").map(String.init)
        guard words.count == 3 else { return deviation }
        let values = values(part: words[0], kind: words[1], words[2])
        guard let first = values.first else { return deviation }
        var why = deviation.why
        if values.contains(where: { $0 != first }),
            let master = specs.first(where: { $0.role.rawValue == words[0] })
        {
            why += " (Shown is the value of \(master.group) rank \(master.rank); it differs "
            why += "between the shards.)"
        }
        return Deviation(
            place: deviation.place, published: deviation.published, ours: first ?? deviation.ours,
            why: why)
    }

    /// The value in each affected command; nil where the deviation is not about a value.
    private func values(part: String, kind: String, _ name: String) -> [String?] {
        if part == "benchmark" {
            let argument = profile.benchmark?.arguments.first { $0.flag == name }
            return benchmark.map { [value(of: argument, in: $0)] } ?? []
        }
        return specs.filter { $0.role.rawValue == part }.map { spec in
            if kind == "environment" {
                return spec.environment.last { $0.name == name }?.value ?? "absent"
            }
            return value(of: argument(name, of: spec.role), in: spec.argv)
        }
    }

    private func argument(_ flag: String, of role: Role) -> Argument? {
        let arguments =
            role == .router
            ? profile.router?.arguments : profile.role(role).map { profile.arguments(of: $0) }
        return arguments?.first { $0.flag == flag }
    }

    /// What follows the flag, every time that it is given; nil for a flag that stands alone.
    private func value(of argument: Argument?, in argv: [String]) -> String? {
        guard let argument else { return "absent" }
        guard !argument.values.isEmpty else { return nil }
        let places = argv.indices.filter { argv[$0] == argument.flag }
        return places.map { place in
            argv[(place + 1)...].prefix(argument.values.count).joined(separator: " ")
        }
        .joined(separator: ", ")
    }
}
