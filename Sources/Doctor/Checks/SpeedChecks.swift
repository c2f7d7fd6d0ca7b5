// Check 16: a group goes as fast as its slowest node. Measured only when a person asks for it, since engines
// that serve would feel it; compared with the middle node, since nobody knows what is right for a machine.

import Ascend
import Base

extension Diagnosis {
    mutating func checkSpeed(_ cluster: ClusterExamination) -> String {
        guard !cluster.speeds.isEmpty else {
            report(.speed, .info, nil, "not asked", remedy: "run it with --stress")
            return ""
        }
        var measures: [(node: NodeID, measure: SpeedMeasure)] = []
        for speed in cluster.speeds {
            switch speed.measure {
            case .known(let measure): measures.append((speed.node, measure))
            case .unknown(let gap): report(.speed, speed.node, gap: gap)
            }
        }
        compareSpeeds(
            "one thread", "million steps/s",
            measures.map { ($0.node, $0.measure.millionStepsPerSecond) })
        compareSpeeds(
            "memory", "MB/s", measures.map { ($0.node, $0.measure.memoryMegabytesPerSecond) })
        report(.speed, .info, nil, "the dies were not measured: only processors and memory")
        return ""
    }

    private mutating func compareSpeeds(
        _ subject: String, _ unit: String, _ values: [(node: NodeID, value: Int)]
    ) {
        let sorted = values.map(\.value).sorted()
        guard let slowest = sorted.first, let fastest = sorted.last else { return }
        // The upper of two in the middle: of two nodes, the slower one stands out.
        let middle = sorted[sorted.count / 2]
        report(.speed, .ok, nil, "\(subject): \(slowest) to \(fastest) \(unit)")
        for (node, value) in values where value * 5 < middle * 4 {
            report(
                .speed, .warning, node,
                "\(subject): \(value) \(unit), while the middle node has \(middle)",
                remedy:
                    "look at the governor, the temperature, missing memory (dmidecode -t memory) and "
                    + "at who else computes there (top)")
        }
    }
}
