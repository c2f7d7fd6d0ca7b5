// What becomes of a drill, read from status, ledger and events alone: what a person could read, too.

import Base

/// What a drill has shown.
struct DrillReport {
    let hasPassed: Bool
    let json: JSONValue
    let text: String
}

/// Watches until the cluster is whole again.
struct DrillWatch {
    private let order: DrillOrder
    private let struck: JSONValue
    /// The generation of every group before.
    private let generations: [String: Int64]
    /// The newest event before the blow.
    private let lastEvent: Int64
    private let began = currentInstant()
    private var status: JSONValue = .null
    private var record: JSONValue?
    private var lostAt: WallTime?
    private var backAt: WallTime?
    private var isUnseen = false
    private var trouble = ""

    /// An agent that is back so soon was never missed.
    private static let unnoticed = Duration.seconds(15)

    init(order: DrillOrder, before: JSONValue, lastEvent: Int64, struck: JSONValue) {
        self.order = order
        self.lastEvent = lastEvent
        self.struck = struck
        generations = Self.generations(in: before)
    }

    private static func generations(in status: JSONValue) -> [String: Int64] {
        var generations: [String: Int64] = [:]
        for group in status["groups"]?.arrayValue ?? [] {
            generations[group.text("name")] = group["generation"]?.integerValue
        }
        generations["router"] = status["router"]?["generation"]?.integerValue
        return generations
    }

    private var group: String { String(order.target.prefix { $0 != "/" }) }
    private var node: String { struck.text("node") }
    private var struckAt: WallTime? { WallTime(text: struck.text("struck_at")) }

    var opening: String {
        let processes = (struck["processes"]?.arrayValue ?? []).compactMap(\.integerValue)
        let told =
            processes.count > 3
            ? "\(processes.count) processes"
            : "process \(processes.map(String.init).joined(separator: ", "))"
        return "\(order.what) \(order.target) on \(node): \(told) struck at "
            + "\(struck.text("struck_at"))\n"
    }

    // MARK: - Looking

    mutating func sees(_ status: JSONValue, _ restarts: JSONValue, events: [JSONValue]) {
        self.status = status
        isUnseen = false
        let before = generations[group] ?? 0
        record = (restarts["restarts"]?.arrayValue ?? []).last {
            $0.text("group") == group && ($0["ended_generation"]?.integerValue ?? 0) >= before
        }
        guard !order.isOfShard else { return }
        for event in events where event.text("text").contains("agent") {
            guard event["sequence"]?.integerValue ?? 0 > lastEvent,
                let time = WallTime(text: event.text("time")),
                event.text("node") == node || Self.names(event.text("text"), node)
            else { continue }
            if event.text("kind") == "lost" { lostAt = lostAt ?? time }
            if event.text("kind") == "joined", lostAt != nil { backAt = time }
        }
    }

    mutating func misses(_ why: String) {
        isUnseen = true
        trouble = why
    }

    private static func names(_ text: String, _ node: String) -> Bool {
        text.split { $0 == " " || $0 == "," }.contains(Substring(node))
    }

    /// Groups whose generation has risen, that of the drill among them.
    private var restarted: [String] {
        let now = Self.generations(in: status)
        return generations.keys.sorted().filter { now[$0] != generations[$0] }
    }

    private var isReady: Bool { status["ready"]?.boolValue ?? false }

    private var isBack: Bool {
        let member = status["members"]?.arrayValue?.first { $0.text("node") == node }
        return member?.text("state") == "alive"
    }

    // MARK: - Telling

    /// While it goes on.
    var progress: String {
        if isUnseen { return "  the agent asked does not answer\n" }
        guard order.isOfShard else {
            return
                "  lost: \(lostAt == nil ? "not noticed yet" : "noticed"); back: \(isBack ? "yes" : "no")\n"
        }
        guard record != nil else { return "  not noticed yet\n" }
        return parts.map { "  \($0.name.padded(to: 8)) \($0.seconds.map(Self.text) ?? "…")\n" }
            .joined()
    }

    private var parts: [(name: String, seconds: Double?)] {
        ["detect", "stop", "start", "ready"].map { ($0, record?["seconds"]?[$0]?.numberValue) }
    }

    private static func text(_ seconds: Double) -> String { "\(decimal(seconds, digits: 1)) s" }

    /// nil as long as it goes on.
    var result: DrillReport? {
        guard !isUnseen else { return nil }
        if order.isOfShard {
            guard let record else { return nil }
            let isFailed = state(of: group) == "failed"
            guard isFailed || (record["ready_at"]?.stringValue != nil && isReady) else {
                return nil
            }
            return ofShard(record, passed: !isFailed)
        }
        let isOver = lostAt != nil || elapsed > Self.unnoticed
        guard order.what == "freeze-agent" ? isThawed : isOver else { return nil }
        guard isBack, isReady, lostAt == nil || backAt != nil else { return nil }
        return ofAgent(passed: restarted.isEmpty, why: nil)
    }

    /// A freeze that nobody noticed is over when its time is.
    private var isThawed: Bool { elapsed > .seconds(Int64(order.seconds) + 2) }

    private var elapsed: Duration { currentInstant() - began }

    private func state(of group: String) -> String {
        if group == "router" { return status["router"]?.text("state") ?? "" }
        return status["groups"]?.arrayValue?.first { $0.text("name") == group }?.text("state") ?? ""
    }

    func givenUp(after limit: Duration) -> DrillReport {
        let why =
            isUnseen
            ? trouble
            : "not whole again after \(limit.nanoseconds / 1_000_000_000) s; `glm-agent status` tells why"
        return order.isOfShard
            ? ofShard(record ?? .null, passed: false, why: why) : ofAgent(passed: false, why: why)
    }

    private func ofShard(
        _ record: JSONValue, passed: Bool, why: String? = nil
    ) -> DrillReport {
        let detected = WallTime(text: record.text("detected_at"))
        let noticed = struckAt.flatMap { struck in detected.map { ($0 - struck).inSeconds } }
        let rank = Int64(order.target.drop { $0 != "/" }.dropFirst()) ?? 0
        let isNamed = record["rank"]?.integerValue == rank && record.text("node") == node
        let json: JSONValue = [
            "drill": .string(order.what), "target": .string(order.target), "node": .string(node),
            "passed": .bool(passed), "why": JSONValue(why),
            "struck_at": struck["struck_at"] ?? .null,
            "strike_to_detect_seconds": noticed.map { .number($0) } ?? .null,
            "named_right": .bool(isNamed), "restart": record,
            "restarted": .array(restarted.map { .string($0) }),
        ]
        var lines = parts.map {
            "  \($0.name.padded(to: 8)) \($0.seconds.map(Self.text) ?? "not known")"
        }
        lines += [
            "  total    \(record["total_seconds"]?.numberValue.map(Self.text) ?? "not known")",
            "from the blow to its detection: \(noticed.map(Self.text) ?? "not known"), by the clocks of two nodes",
            "cause: \(record.text("cause", or: "none")): \(record.text("why"))",
            "the struck rank was \(isNamed ? "" : "not ")named as the first",
            "restarted: \(restarted.isEmpty ? "nothing" : restarted.joined(separator: ", "))",
            passed ? "passed" : "not passed\(why.map { ": \($0)" } ?? "")",
        ]
        return DrillReport(
            hasPassed: passed, json: json, text: lines.map { $0 + "\n" }.joined())
    }

    private func ofAgent(passed: Bool, why: String?) -> DrillReport {
        let detect = Self.seconds(from: struckAt, to: lostAt)
        let back = Self.seconds(from: struckAt, to: backAt)
        let json: JSONValue = [
            "drill": .string(order.what), "target": .string(order.target), "node": .string(node),
            "passed": .bool(passed), "why": JSONValue(why),
            "struck_at": struck["struck_at"] ?? .null,
            "seconds": [
                "detect": detect.map { .number($0) } ?? .null,
                "back": back.map { .number($0) } ?? .null,
            ],
            "restarted": .array(restarted.map { .string($0) }),
        ]
        let lines = [
            "  detect   \(detect.map(Self.text) ?? "not noticed")",
            "  back     \(back.map(Self.text) ?? (detect == nil ? "was never away for the others" : "not yet"))",
            "restarted: \(restarted.isEmpty ? "nothing" : restarted.joined(separator: ", "))",
            passed ? "passed" : "not passed\(why.map { ": \($0)" } ?? "")",
        ]
        return DrillReport(
            hasPassed: passed, json: json, text: lines.map { $0 + "\n" }.joined())
    }

    private static func seconds(from start: WallTime?, to end: WallTime?) -> Double? {
        guard let start, let end, end >= start else { return nil }
        return (end - start).inSeconds
    }
}
