// Many latencies in three numbers, by the definitions of sglang.bench_serving, which asks numpy: the
// percentile lies between its two neighbours in proportion (numpy's method "linear"; number 7 of
// Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996).

import Base

/// What is told of some latencies, in milliseconds.
struct LatencySummary: Hashable, Sendable {
    let mean: Double
    let median: Double
    let p99: Double

    init(mean: Double, median: Double, p99: Double) {
        self.mean = mean
        self.median = median
        self.p99 = p99
    }

    /// nil where there is nothing to summarize.
    /// - Parameter seconds: in any order.
    init?(seconds: [Double]) {
        guard !seconds.isEmpty else { return nil }
        let sorted = seconds.sorted()
        mean = sorted.reduce(0, +) / Double(sorted.count) * 1000
        median = percentile(50, of: sorted) * 1000
        p99 = percentile(99, of: sorted) * 1000
    }

    var json: JSONValue {
        ["mean": .number(mean), "median": .number(median), "p99": .number(p99)]
    }
}

/// The percentile (0 to 100) of sorted values, of which there is at least one.
func percentile(_ percent: Double, of sorted: [Double]) -> Double {
    let place = percent / 100 * Double(sorted.count - 1)
    let lower = Int(place)
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
}
