// Checks 7, 12 and 14: versions, weights and clocks. Ranks of different versions fail in ways that name
// neither, and weights that differ by one file answer nonsense.

import Ascend
import Base

extension Diagnosis {
    mutating func checkVersions(_ cluster: ClusterExamination) -> String {
        let subjects: [(String, (SoftwareVersions) -> Fact<String>)] = [
            ("driver", { $0.driver }), ("firmware", { $0.firmware }), ("CANN", { $0.cannInUse }),
            ("HCCL", { $0.hccl }), ("NNAL", { $0.nnal }),
            ("python", { $0.version(of: "python") }), ("torch", { $0.version(of: "torch") }),
            ("torch_npu", { $0.version(of: "torch_npu") }),
            ("sglang", { $0.version(of: "sglang") }),
            ("memfabric-hybrid", { $0.version(of: "memfabric-hybrid") }),
        ]
        var told: [String] = []
        var missing: [String] = []
        for (name, version) in subjects {
            var values: [(node: NodeID, value: String)] = []
            for (node, found) in cluster.told {
                switch version(found.inventory.software) {
                case .known(let value): values.append((node, value))
                case .unknown(let gap) where gap.kind == .notInstalled:
                    values.append((node, Self.notInstalled))
                case .unknown(let gap):
                    report(
                        .versions, .unknown, node, "\(name): \(gap)",
                        remedy: gap.complaint?.remedy ?? "")
                }
            }
            compare(
                .versions, name == "python" ? .warning : .error, name, values, shown: { $0 },
                remedy: "install the version of the others; driver and firmware go together")
            if !values.isEmpty, values.allSatisfy({ $0.value == Self.notInstalled }) {
                missing.append(name)
            }
            if let first = values.first?.value { told.append("\(name) \(first)") }
        }
        let place = cluster.told.count == 1 ? "" : " on any node"
        if cluster.told.contains(where: { $0.found.engine == .sglang }),
            let sglang = missing.firstIndex(of: "sglang")
        {
            missing.remove(at: sglang)
            report(
                .versions, .error, nil,
                "sglang was not found\(place), and the engine is sglang",
                remedy:
                    "install it for the Python of the profile's command, or name the Python that has it "
                    + "there (command: in a profile_file)")
        }
        reportMissing(missing, place)
        for (node, found) in cluster.told { checkDriver(node, found) }
        checkCommands(cluster)
        return told.joined(separator: ", ")
    }

    private static let notInstalled = "not installed"

    /// What memfabric moves KV with, from die to die.
    private static let oldestForTransfer = HDKVersion("24.1.RC2")
    /// From here on HCCL names the ranks whose TLS switches differ (EI0016).
    private static let oldestThatNamesTLS = HDKVersion("25.2.0")

    private mutating func checkDriver(_ node: NodeID, _ found: NodeExamination) {
        guard let text = found.inventory.software.driver.value else { return }
        guard let version = HDKVersion(text) else {
            return report(
                .versions, .info, node, "driver \(text): whether it is new enough is not known")
        }
        let hasStore = found.shards.contains { $0.value(of: "ASCEND_MF_STORE_URL") != nil }
        if let oldest = Self.oldestForTransfer, version < oldest {
            report(
                .versions, hasStore ? .error : .warning, node,
                "driver \(text) is older than \(oldest), which the transfer between prefill and decode needs",
                remedy:
                    "install a newer HDK, driver and firmware together (25.5.2 is what SGLang documents)"
            )
        } else if let oldest = Self.oldestThatNamesTLS, version < oldest {
            report(
                .versions, .info, node,
                "driver \(text): before \(oldest) HCCL does not say whose TLS switch differs")
        }
    }

    /// Where things are missing on every node, nothing differs; whether they are needed is mostly not known here.
    private mutating func reportMissing(_ names: [String], _ place: String) {
        guard let last = names.last else { return }
        let others = names.dropLast().joined(separator: ", ")
        report(
            .versions, .unknown, nil,
            others.isEmpty
                ? "\(last) was not found\(place)" : "\(others) and \(last) were not found\(place)",
            remedy:
                "install \(others.isEmpty ? "it" : "them"), or look whether the agent's PATH is that of "
                + "the engines")
    }

    // MARK: - 12

    mutating func checkWeights(_ cluster: ClusterExamination) -> String {
        var digests: [(node: NodeID, value: WeightsDigest)] = []
        for (node, found) in cluster.told {
            switch found.inventory.weights {
            case .known(let digest): digests.append((node, digest))
            case .unknown(let gap) where gap.kind == .notInstalled:
                reportMissingWeights(node, gap.subject, isNeeded: found.engine != .rehearsal)
            case .unknown(let gap) where gap.kind == .notAsked:
                report(
                    .weights, .unknown, node, "no directory was named",
                    remedy: "name it with --model")
            case .unknown(let gap): report(.weights, node, gap: gap)
            }
        }
        for (node, digest) in digests where digest.files.isEmpty {
            report(
                .weights, .error, node, "\(digest.path) is empty",
                remedy: "copy the weights there")
        }
        let remedy = "compare glm-agent inventory --model DIR --json, and copy what differs again"
        compare(
            .weights, .error, "config.json",
            digests.map { ($0.node, $0.value.configurationHash.value ?? "not readable") },
            shown: { String($0.prefix(16)) }, remedy: remedy)
        compare(
            .weights, .error, "files",
            digests.map { ($0.node, Files(count: $0.value.files.count, list: $0.value.files)) },
            shown: { "\($0.count) with \($0.bytes) bytes" }, remedy: remedy)
        guard let first = digests.first?.value else { return "" }
        return "\(first.path): \(first.files.count) files, \(first.totalBytes) bytes"
    }

    private mutating func reportMissingWeights(
        _ node: NodeID, _ path: String, isNeeded: Bool
    ) {
        guard isNeeded else {
            return report(
                .weights, .info, node, "there is no \(path); the rehearsal engine reads no weights")
        }
        report(
            .weights, .error, node, "there is no \(path), where the weights should be",
            remedy: "copy or mount them there, or mend model_path in agent.yaml on every node")
    }

    private struct Files: Hashable {
        let count: Int
        let list: [WeightsDigest.File]

        var bytes: Int { list.reduce(0) { $0 + $1.bytes } }
    }

    // MARK: - 14

    /// Logs of several nodes are read together by time, and certificates have dates.
    mutating func checkClocks(_ cluster: ClusterExamination) -> String {
        let offsets = cluster.nodes.compactMap { examined in
            examined.clockAhead.map { (node: examined.node, ahead: $0) }
        }
        let sorted = offsets.map(\.ahead).sorted()
        guard sorted.count > 1 else {
            if cluster.isLocal { reportLocal(.clock, "no other node is known here") }
            if cluster.nodes.count < 2 { return "one node" }
            report(.clock, .unknown, nil, "the clocks were not compared")
            return ""
        }
        // The middle one: a single wrong clock, be it that of the node that asks, moves it little.
        let middle = sorted[(sorted.count - 1) / 2]
        for (node, ahead) in offsets {
            let difference = ahead - middle
            let size = difference < .zero ? .zero - difference : difference
            guard size >= .seconds(1) else { continue }
            let direction = difference < .zero ? "behind" : "ahead of"
            report(
                .clock, .warning, node,
                "its clock is \(size.components.seconds) s \(direction) the others",
                remedy: "let chronyd or ntpd set it (chronyc tracking)")
        }
        return "within a second"
    }
}

extension SoftwareVersions {
    /// The toolkit that an engine would find first.
    fileprivate var cannInUse: Fact<String> {
        cann.first?.version ?? .unknown(Gap(.notInstalled, "CANN", "no toolkit was found"))
    }

    fileprivate func version(of package: String) -> Fact<String> {
        switch python {
        case .unknown(let gap): return .unknown(gap)
        case .known(let packages):
            guard let version = packages.first(where: { $0.name == package })?.version else {
                return .unknown(Gap(.notInstalled, package, ""))
            }
            return .known(version)
        }
    }
}
