// A console that keeps what was printed, and golden files.

import Glibc
import Testing

@testable import AgentCLI

/// What a command printed.
final class Printed {
    var out = ""
    var complaints = ""
}

/// A console that prints into memory, as into a pipe.
func testConsole(colour: Bool = false) -> (Console, Printed) {
    let printed = Printed()
    let console = Console(isTerminal: colour, hasColour: colour) { text, descriptor in
        if descriptor == STDOUT_FILENO { printed.out += text } else { printed.complaints += text }
    }
    return (console, printed)
}

/// Runs a command line in this process.
func runLine(_ line: String) -> (ExitCode, Printed) {
    let (console, printed) = testConsole()
    let code = runCommandLine(line.split(separator: " ").map(String.init), on: console)
    return (code, printed)
}

/// The repository, found from this file.
let repository = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

/// Compares a text with a recorded one. `UPDATE_GOLDEN=1 swift test` records it anew; the change is
/// then for review.
func expectGolden(
    _ text: String, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    let file = "\(repository)/\(path)"
    if getenv("UPDATE_GOLDEN") != nil {
        guard let stream = fopen(file, "w") else {
            Issue.record("cannot write \(file)", sourceLocation: sourceLocation)
            return
        }
        fputs(text, stream)
        fclose(stream)
        return
    }
    #expect(
        text == readText(file), "differs from \(path); UPDATE_GOLDEN=1 swift test records it anew",
        sourceLocation: sourceLocation)
}

/// The text of a file; empty where there is none.
func readText(_ path: String) -> String {
    guard let stream = fopen(path, "r") else { return "" }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var byte = fgetc(stream)
    while byte != EOF {
        bytes.append(UInt8(truncatingIfNeeded: byte))
        byte = fgetc(stream)
    }
    return String(decoding: bytes, as: UTF8.self)
}
