// Lines in the manner of SGLang's log: the time, who speaks, the text.

import EventLoop

/// Where an engine writes what it does.
final class EngineLog {
    private let loop: Loop
    private let speaker: String
    private let output: (String) -> Void

    init(_ loop: Loop, speaker: String, output: @escaping (String) -> Void) {
        self.loop = loop
        self.speaker = speaker
        self.output = output
    }

    /// Writes one line.
    func callAsFunction(_ text: String) {
        output("[\(loop.wallTime) \(speaker)] \(text)")
    }

    /// Writes one line without a head, as a progress bar is.
    func raw(_ text: String) {
        output(text)
    }
}

@available(*, unavailable) extension EngineLog: Sendable {}
