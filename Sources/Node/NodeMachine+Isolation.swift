// The option `isolation: stop-after`. Without it a node that hears nobody keeps what it runs (fail-static):
// it knows of nothing better. With it the operator has chosen that nothing serves for long that the cluster
// cannot see: a node that has had no contact with a majority for the whole time ends its engines by itself.
// Contact is what Raft calls it: this node leads and is answered by a majority, or hears such a leader. When
// the node is back, its ranks are reported as ended with that reason, and the leader ends the generation.

import Base
import Consensus
import Supervision

/// A node without contact to a majority.
struct Loneliness: Sendable {
    let since: Instant
    /// It has begun to stop what it runs.
    var hasGivenUp = false
}

extension NodeMachine {
    /// Counts how long there has been no contact, and acts on it. After a start it is counted from there:
    /// what was before is not known.
    mutating func watchContact() {
        guard let limit = configuration.isolation else { return }
        guard !consensus.hasQuorum else {
            if loneliness?.hasGivenUp == true {
                actions.append(.log(.info, "this node is in contact with a majority again"))
                hasShardNews = true
            }
            loneliness = nil
            return
        }
        var lonely = loneliness ?? Loneliness(since: now)
        if lonely.since + limit <= now, !lonely.hasGivenUp {
            lonely.hasGivenUp = true
            actions.append(
                .log(
                    .error,
                    "no contact with a majority for \(limit.wholeSeconds): this node stops what it "
                        + "runs (isolation: stop-after)"))
        }
        loneliness = lonely
        if lonely.hasGivenUp { giveUpShards(lonely, after: limit) }
    }

    /// Rank 0 first, as ever; whether that of another node has ended cannot be known here, so the others
    /// wait as long as it may take.
    private mutating func giveUpShards(_ lonely: Loneliness, after limit: Duration) {
        let isOthersTurn = othersTurn(lonely, limit) <= now
        for shard in shards.keys.sorted() where shard.rank == .master || isOthersTurn {
            switch shards[shard]?.report.state {
            case .stopping, .stopped, .exited, nil: continue
            case .waiting, .starting, .loading, .ready, .unresponsive: break
            }
            let why =
                "stopped by its own node, without contact to a majority for \(limit.wholeSeconds) "
                + "(isolation: stop-after)"
            driveShard(shard, .endAlone(why: why))
        }
    }

    private func othersTurn(_ lonely: Loneliness, _ limit: Duration) -> Instant {
        lonely.since + limit + configuration.supervision.stopGrace + Self.newsTime
    }

    /// When this node must act though nothing happens.
    var isolationDeadline: Instant? {
        guard let limit = configuration.isolation, let loneliness else { return nil }
        guard loneliness.hasGivenUp else { return loneliness.since + limit }
        let next = othersTurn(loneliness, limit)
        return next > now ? next : nil
    }

    /// What becomes of what runs while there is no quorum, for `status`.
    func isolationText(at now: Instant, wall: WallTime) -> String {
        guard let limit = configuration.isolation, let loneliness else {
            return "what runs goes on, and nothing is restarted"
        }
        if loneliness.hasGivenUp {
            return "what ran on \(configuration.local) was stopped after \(limit.wholeSeconds) "
                + "(isolation: stop-after), and nothing is restarted"
        }
        let until = wall.text(of: loneliness.since + limit, at: now)
        return
            "what runs on \(configuration.local) is stopped at \(until) (isolation: stop-after), "
            + "and nothing is restarted"
    }
}

extension WallTime {
    /// Another time as clocks show it, to the second, where it is now this time.
    func text(of instant: Instant, at now: Instant) -> String {
        "\(second(of: instant, at: now).description.prefix(19))Z"
    }

    /// The same as a time. What is told again and again must not differ by what two clocks drift.
    func second(of instant: Instant, at now: Instant) -> WallTime {
        let time = (self + (instant - now)).millisecondsSinceEpoch
        return WallTime(millisecondsSinceEpoch: time - (time % 1000 + 1000) % 1000)
    }
}
