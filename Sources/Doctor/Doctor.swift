// The seventeen checks, made in one pass over what all nodes told. An expert makes them by hand on every node
// before a launch, about a hundred commands a node; each of them has stopped a real deployment.

public import Ascend
import Base

extension Diagnosis {
    /// Judges a cluster. Findings come by check; each check has one at least.
    /// - Parameter cluster: what was told, dialled and pinged.
    public init(of cluster: ClusterExamination) {
        self.init()
        let checks: [(Check, (inout Diagnosis, ClusterExamination) -> String)] = [
            (.answers, { $0.checkAnswers($1) }), (.holders, { $0.checkHolders($1) }),
            (.interface, { $0.checkInterface($1) }),
            (.reachability, { $0.checkReachability($1) }), (.ports, { $0.checkPorts($1) }),
            (.fabric, { $0.checkFabric($1) }), (.tls, { $0.checkTLS($1) }),
            (.versions, { $0.checkVersions($1) }), (.dies, { $0.checkDies($1) }),
            (.environment, { $0.checkEnvironment($1) }), (.store, { $0.checkStore($1) }),
            (.limits, { $0.checkLimits($1) }), (.weights, { $0.checkWeights($1) }),
            (.settings, { $0.checkSettings($1) }), (.clock, { $0.checkClocks($1) }),
            (.hostName, { $0.checkHostName($1) }), (.speed, { $0.checkSpeed($1) }),
        ]
        for (check, run) in checks {
            let summary = run(&self, cluster)
            if cluster.told.isEmpty && check != .answers {
                report(check, .unknown, nil, "no node answered")
            }
            conclude(check, summary)
        }
        unexamined = cluster.told.filter { node, found in
            !found.inventory.deviceFiles.isEmpty
                && findings.contains {
                    $0.node == node && $0.severity == .unknown
                        && [.holders, .dies].contains($0.check)
                }
        }.map(\.node)
    }

    private mutating func checkAnswers(_ cluster: ClusterExamination) -> String {
        for examined in cluster.nodes {
            guard case .silent(let reason) = examined.answer else { continue }
            // Nodes that are silent in the same way are told together.
            let own = ["\(examined.node): ", "\(examined.node) "].first { reason.hasPrefix($0) }
            report(
                .answers, .error, examined.node, String(reason.dropFirst(own?.count ?? 0)),
                remedy: "look at the host and its agent: systemctl status glm-agent")
        }
        return names(cluster.nodes.map(\.node))
    }
}

extension [DieID] {
    /// `die 5`, `dies 0-3, 7`.
    public var shown: String {
        var ranges: [(first: Int, last: Int)] = []
        for die in map(\.value).sorted() {
            if let last = ranges.last, last.last + 1 == die {
                ranges[ranges.count - 1].last = die
            } else {
                ranges.append((die, die))
            }
        }
        let texts = ranges.map { $0.first == $0.last ? "\($0.first)" : "\($0.first)-\($0.last)" }
        return (count == 1 ? "die " : "dies ") + texts.joined(separator: ", ")
    }
}
