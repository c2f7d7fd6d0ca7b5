// The one door to the terminal. Commands print through it, so that tests read what a person would.

import Glibc

/// Where a command prints.
final class Console {
    /// Whether a person watches standard output.
    let isTerminal: Bool
    let hasColour: Bool
    private let write: (_ text: String, _ descriptor: Int32) -> Void

    init(
        isTerminal: Bool, hasColour: Bool,
        write: @escaping (_ text: String, _ descriptor: Int32) -> Void
    ) {
        self.isTerminal = isTerminal
        self.hasColour = hasColour
        self.write = write
    }

    /// The console of this process.
    static func standard() -> Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let refusesColour = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return Console(isTerminal: isTerminal, hasColour: isTerminal && !refusesColour) {
            text, descriptor in
            writeAll(Array(text.utf8), to: descriptor)
        }
    }

    /// Prints a line on standard output.
    func out(_ line: String = "") {
        write(line + "\n", STDOUT_FILENO)
    }

    /// Prints on standard output as it stands.
    func outRaw(_ text: String) {
        write(text, STDOUT_FILENO)
    }

    /// Prints a complaint on standard error, with the program's name before it.
    func complain(_ message: String) {
        write("glm-agent: \(message)\n", STDERR_FILENO)
    }

    /// The text in that style where colour is wanted.
    func styled(_ text: String, _ style: Style) -> String {
        hasColour ? style.applied(to: text) : text
    }
}

@available(*, unavailable) extension Console: Sendable {}

/// Writes every byte, or gives up when the reader is gone: there is nobody left to tell.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
            let written = Glibc.write(
                descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                guard errno == EINTR || errno == EAGAIN else { return }
                continue
            }
            rest = rest.dropFirst(written)
        }
    }
}
