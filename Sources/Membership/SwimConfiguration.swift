// Every constant of the protocol, each with its reason. They are chosen for 2 to 16 members on one
// network, where the classic libraries are slowest, and stay sound for hundreds: no constant makes
// the cost of an interval grow with the cluster. Protocols/membership.md adds them up to bounds.

/// The times and limits of the membership protocol.
public struct SwimConfiguration: Hashable, Sendable {
    /// The values that the bounds of Protocols/membership.md are stated for.
    public static let standard = SwimConfiguration()

    // MARK: Probing

    /// Between rounds of probes. Half of memberlist's second: streams are cheap, clusters small.
    public var probeInterval: Duration = .milliseconds(500)
    /// Members probed in a round: each of 16 is probed by each other one every third round, so that
    /// the bounds hold without any luck.
    public var probesPerInterval = 5
    /// When relays are asked. Far over any round trip in a cluster.
    public var directTimeout: Duration = .milliseconds(300)
    /// When a probe has failed, relays included.
    public var probeTimeout: Duration = .milliseconds(500)
    /// Members asked to relay: three paths fail together about once in a hundred and fifty at 5 %
    /// loss.
    public var relayCount = 3
    /// When a relay says that the target did not answer; early enough to arrive before
    /// `probeTimeout` and `urgentTimeout`.
    public var relayTimeout: Duration = .milliseconds(150)
    /// When a probe that asks directly and through relays at once has failed.
    public var urgentTimeout: Duration = .milliseconds(200)
    /// Between probes of a suspect: five chances to answer before the longest suspicion ends.
    public var suspectRecheckInterval: Duration = .milliseconds(400)
    /// Probes under way at most after one has failed and the silent are asked out of turn: a failure
    /// seldom comes alone when a switch dies, and an isolated node has to find all of it out by
    /// itself.
    public var alarmFanOut = 16
    /// Gone members addressed again in a round, so that a heal is seen without a new stream.
    public var recontactFanOut = 4
    /// Relayed probes under way for others; more are not taken on.
    public var relayLimit = 64

    // MARK: Suspicion

    /// The shortest suspicion, with every confirmation in: a stall shorter than this is forgiven.
    public var suspicionMinimum: Duration = .milliseconds(1200)
    /// The longest suspicion. The bound of 4 s is 0.5 s to be probed, 0.5 s to fail, 0.5 s for the
    /// alarm, this, and half a second to spare.
    public var suspicionMaximum: Duration = .milliseconds(2000)
    /// Confirmations by others that shorten a suspicion fully.
    public var confirmationCount = 2
    /// Clusters up to this size check every hearsay; in larger ones only those do that heard the
    /// subject within `freshness`, so that a suspect is not flooded by its questioners.
    public var everyoneChecksLimit = 32
    /// How long having heard a member is worth more than hearsay about it.
    public var freshness: Duration = .seconds(1)

    // MARK: Evidence of streams

    /// From the first evidence that an agent is gone to its death, unless it is met again. An agent
    /// that restarts faster has flapped, not died.
    public var goneConfirmation: Duration = .milliseconds(200)
    /// Evidence nearer to the first than this is the same event, seen on another stream.
    public var goneSameEvent: Duration = .milliseconds(50)

    // MARK: Gossip

    /// Between rounds of gossip while there is news.
    public var gossipInterval: Duration = .milliseconds(100)
    /// Members told in a round of gossip.
    public var gossipFanOut = 4
    /// Members told at once of a suspicion, a death or a refutation: everyone, where 16 is everyone.
    public var urgentFanOut = 16
    /// Updates in a message other than push-pull: about a kilobyte.
    public var updatesPerMessage = 32
    /// An update is sent this many times for every doubling of the cluster.
    public var retransmitFactor = 3
    /// Between exchanges of everything with someone, to repair what gossip lost. It stretches with
    /// the cluster.
    public var pushPullInterval: Duration = .seconds(10)

    // MARK: This node's own health

    /// A step this late shows that the process or its host was stopped or overloaded: answers may
    /// lie unread, so nothing that is due may be judged.
    public var lateTolerance: Duration = .milliseconds(200)
    /// How long this node must be in time until it says so.
    public var lateMemory: Duration = .seconds(3)
    /// The worst local health score. Each point adds half to the probe timeouts.
    public var healthLimit = 4

    public init() {}
}

extension SwimConfiguration {
    /// The doublings that make up a cluster of that many members: 3 for 4 to 7, 5 for 16 to 31.
    static func doublings(of memberCount: Int) -> Int {
        Int.bitWidth - memberCount.leadingZeroBitCount
    }

    /// How much slower dissemination is than in 16 members: one third for each doubling beyond.
    static func stretch(for memberCount: Int) -> Double {
        1 + Double(max(0, doublings(of: memberCount - 1) - 4)) / 3
    }

    func retransmitLimit(memberCount: Int) -> Int {
        retransmitFactor * Self.doublings(of: memberCount)
    }
}
