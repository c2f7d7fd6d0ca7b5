// How much of what is said of a group holds now. A state alone does not tell one that serves while an agent is
// away from one that is down, nor what was seen a moment ago from what nobody looks at any more.

public import Base

extension ClusterStatus {
    /// How much of what is said of a group can be relied on.
    public struct Standing: Hashable, Sendable {
        /// Its engine answers requests; nil where nobody can tell.
        public var serving: Bool?
        /// Seconds since the leader last told of it; nil where none has.
        public var ageSeconds: Double?
        /// There is no leader: nobody looks at it any more.
        public var isStale = false
        /// When it is to be launched next; nil where it does not wait for a time.
        public var nextLaunch: WallTime?
        public init(
            serving: Bool? = nil, ageSeconds: Double? = nil, isStale: Bool = false,
            nextLaunch: WallTime? = nil
        ) {
            self.serving = serving
            self.ageSeconds = ageSeconds
            self.isStale = isStale
            self.nextLaunch = nextLaunch
        }
    }
}

extension ClusterStatus.Standing {
    var age: JSONValue { ageSeconds.map { .number($0) } ?? .null }
}

extension JSONValue {
    init(_ flag: Bool?) { self = flag.map { .bool($0) } ?? .null }
}
