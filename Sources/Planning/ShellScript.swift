// A node's part of a plan as a bash script that needs no agent: what the publication has an operator
// paste, with the addresses filled in.

import Ascend
import Base
import Profiles

/// One word as bash reads it back.
public func shellQuoted(_ word: String) -> String {
    let safe = word.unicodeScalars.allSatisfy { scalar in
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            || ("0"..."9").contains(scalar) || "_@%+=:,./-".unicodeScalars.contains(scalar)
    }
    if safe, !word.isEmpty { return word }
    var quoted = "'"
    for scalar in word.unicodeScalars {
        if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
    }
    return quoted + "'"
}

/// The script of one node.
struct ShellScript {
    let profile: String
    let node: NodeID
    /// What runs on the node: engines, then the router.
    let specs: [LaunchSpec]

    var text: String {
        var lines = header
        lines += tuning
        for spec in specs { lines += part(spec) }
        lines += start
        return lines.joined(separator: "\n") + "\n"
    }

    private var header: [String] {
        let parts = specs.map { "\($0.group)" }.joined(separator: ", ")
        return [
            "#!/usr/bin/env bash",
            "# What \(node) runs of \(profile). Written by `glm-agent render`; no agent is needed.",
            "#",
            "#   bash SCRIPT         start everything of this node: \(parts)",
            "#   bash SCRIPT PART    start one of them",
            "#",
            "# GLM_AGENT_HOST_TUNING=skip leaves kernel settings and CPU governor alone.",
            "# GLM_AGENT_ROOT=DIRECTORY takes the sourced files from under another root.",
            "set -eu",
            "",
        ]
    }

    /// Failing to tune is told but stops nothing, as in the publication.
    private var tuning: [String] {
        guard let host = specs.first(where: { $0.role.isEngine })?.host, host != .none else {
            return []
        }
        var lines = ["tune_host() {"]
        lines.append("    if [ \"${GLM_AGENT_HOST_TUNING:-apply}\" = skip ]; then return 0; fi")
        if let governor = host.governor {
            lines.append("    echo \(shellQuoted(governor)) \\")
            lines.append("        | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor \\")
            lines.append("        || echo 'the CPU governor was not set' >&2")
        }
        for setting in host.sysctl {
            let words = shellQuoted("\(setting.name)=\(setting.value)")
            let message = shellQuoted("\(setting.name) was not set")
            lines.append("    sysctl -w \(words) || echo \(message) >&2")
        }
        return lines + ["}", ""]
    }

    private func part(_ spec: LaunchSpec) -> [String] {
        var lines = ["# ---- \(spec.group), rank \(spec.rank) ----"]
        for translation in spec.translations {
            lines.append("# \(translation.summary)")
            lines.append("#     \(translation.why)")
        }
        lines.append("\(function(spec))() {")
        if spec.host != .none { lines.append("    tune_host") }
        if !spec.unset.isEmpty {
            lines.append("    unset \(spec.unset.map(shellQuoted).joined(separator: " "))")
        }
        if !spec.source.isEmpty {
            // Files of others may read variables that are not set.
            lines.append("    set +eu")
            for file in spec.source { lines += sourcing(file) }
            lines.append("    set -eu")
        }
        for variable in spec.environment {
            lines.append("    export \(variable.name)=\(shellQuoted(variable.value))")
        }
        lines.append("    exec \(command(spec.argv))")
        return lines + ["}", ""]
    }

    /// The first of the places where the file may lie; the first of all is complained of where there is none.
    private func sourcing(_ file: String) -> [String] {
        let places = VendorScripts.places(of: file).map {
            "\"${GLM_AGENT_ROOT:-}\"\(shellQuoted($0))"
        }
        let others = places.dropFirst().map { "    elif [ -e \($0) ]; then source \($0)" }
        guard !others.isEmpty else { return ["    source \(places[0])"] }
        return ["    if [ -e \(places[0]) ]; then source \(places[0])"] + others
            + ["    else source \(places[0])", "    fi"]
    }

    /// The command with a line for each flag.
    private func command(_ argv: [String]) -> String {
        var text = ""
        for (index, word) in argv.enumerated() {
            if index > 0 { text += word.hasPrefix("--") ? " \\\n        " : " " }
            text += shellQuoted(word)
        }
        return text
    }

    private var start: [String] {
        var lines = ["# ---- start ----", "case \"${1:-}\" in"]
        for spec in specs {
            lines.append("    \(spec.group)) \(function(spec)) ;;")
        }
        lines.append("    '')")
        if specs.count == 1, let only = specs.first {
            lines.append("        \(function(only))")
        } else {
            // The first that ends takes the others down with it.
            lines.append("        trap 'kill $(jobs -p) 2>/dev/null || true' EXIT")
            lines.append("        trap 'exit 143' TERM INT HUP")
            for spec in specs { lines.append("        \(function(spec)) &") }
            lines.append("        wait -n")
        }
        lines.append("        ;;")
        let known = specs.map { "\($0.group)" }.joined(separator: ", ")
        lines.append("    *) echo \"unknown part: $1; this node runs \(known)\" >&2; exit 64 ;;")
        return lines + ["esac"]
    }

    private func function(_ spec: LaunchSpec) -> String {
        "run_" + String(spec.group.name.map { $0 == "-" ? "_" : $0 })
    }
}
