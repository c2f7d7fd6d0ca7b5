// How fast a node computes, in two numbers that say nothing by themselves: they are compared with those of
// the other nodes, which should be alike. A throttled processor, a memory module that is missing or a noisy
// neighbour shows; a slow die does not.

public import Base

/// What a node measured within about a second.
public struct SpeedMeasure: Hashable, Sendable {
    /// Of one thread, dependent integer steps.
    public let millionStepsPerSecond: Int
    /// Copied by one thread between buffers larger than its caches.
    public let memoryMegabytesPerSecond: Int

    public init(millionStepsPerSecond: Int, memoryMegabytesPerSecond: Int) {
        self.millionStepsPerSecond = millionStepsPerSecond
        self.memoryMegabytesPerSecond = memoryMegabytesPerSecond
    }
}

extension SpeedMeasure: JSONCoded {
    public var json: JSONValue {
        [
            "million_steps_per_second": millionStepsPerSecond.json,
            "memory_megabytes_per_second": memoryMegabytesPerSecond.json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(
            millionStepsPerSecond: try json.read("million_steps_per_second"),
            memoryMegabytesPerSecond: try json.read("memory_megabytes_per_second"))
    }
}
