// The field `isolation`: what a node does with its engines when it has lost the cluster.

import Base
import YAML

extension ConfigurationReader {
    /// Elections are over within seconds; a shorter wait would stop engines for each of them.
    static let shortestIsolation = Duration.seconds(10)

    /// How long a node without contact to a majority keeps its engines; nil: for ever.
    func isolation(_ reader: YAMLReader?) -> Duration? {
        let expected = "fail-static, or stop-after and how long, such as stop-after 10m"
        guard let reader, let text = reader.string(expected: expected), text != "fail-static"
        else { return nil }
        let words = text.split(separator: " ")
        guard words.count == 2, words[0] == "stop-after",
            let limit = Duration(shortForm: words[1])
        else {
            reader.reportExpected(expected)
            return nil
        }
        guard limit >= Self.shortestIsolation else {
            reader.report("expected at least 10s: an election may take that long")
            return nil
        }
        return limit
    }
}
