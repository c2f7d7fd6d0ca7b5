// The rules of the source, kept by a machine: what a reviewer would have to look for every time.
// Each failure names a place and what to do there.

import Testing

@Suite struct SourceRuleTests {
    /// Layers 0 to 3 but for what wraps a C library: values in, actions out.
    static let pureTargets = [
        "Base", "Membership", "Consensus", "Diagnosis", "Supervision", "Ascend", "Profiles",
        "Planning", "Doctor", "ClusterState", "WireProtocol", "Node", "Simulation", "CBOR", "YAML",
    ]

    @Test func `the tree is found`() {
        #expect(SourceTree.swiftFiles.count > 50, "no sources below \(SourceTree.root)")
        #expect(SourceTree.swiftFiles.contains { $0.path == "Sources/Base/Words.swift" })
    }

    @Test func `nothing imports Foundation`() {
        for file in SourceTree.swiftFiles where file.imports.contains("Foundation") {
            Issue.record(
                "\(file): import FoundationEssentials, or do without: Foundation brings ICU")
        }
    }

    @Test(arguments: pureTargets) func `pure layers do not touch the world`(target: String) {
        let files = SourceTree.swiftFiles(ofTargets: [target])
        #expect(!files.isEmpty, "there is no target \(target)")
        for file in files {
            for banned in ["Glibc", "EventLoop", "FoundationEssentials", "Dispatch"]
            where file.imports.contains(banned) {
                Issue.record("\(file): layer 0 to 3 may not import \(banned)")
            }
            for (line, why) in file.worldlyLines() {
                Issue.record("\(file):\(line): \(why)")
            }
        }
    }

    @Test func `functions are short enough to be read at once`() {
        for file in SourceTree.swiftFiles {
            for function in file.functions where function.length > 70 {
                Issue.record("\(function): at most 70 lines")
            }
        }
    }

    @Test func `files are short enough to hold one idea`() {
        for file in SourceTree.swiftFiles where file.lines.count > 600 {
            Issue.record("\(file): \(file.lines.count) lines, at most 600")
        }
    }

    @Test func `nothing is left to do in a comment`() {
        // Put together here, so that this file does not find itself.
        let marks = ["TO" + "DO", "FIX" + "ME"]
        for file in SourceTree.swiftFiles {
            for (index, line) in file.lines.enumerated()
            where marks.contains(where: { line.contains($0) }) {
                Issue.record(
                    "\(file):\(index + 1): do it, or say in words what is not done and why")
            }
        }
    }

    @Test func `every source file opens with a comment`() {
        for file in SourceTree.swiftFiles
        where file.path.hasPrefix("Sources/") && !(file.lines.first?.hasPrefix("//") ?? false) {
            Issue.record("\(file): open with the idea of the file in a comment")
        }
    }
}

extension SourceFile {
    /// The lines of a pure file that read a clock or draw unseeded randomness, counted from 1.
    fileprivate func worldlyLines() -> [(line: Int, why: String)] {
        let banned = [
            ("ContinuousClock", "time is an argument, not a clock"),
            ("SuspendingClock", "time is an argument, not a clock"),
            ("SystemRandomNumberGenerator", "randomness comes from a SeededGenerator"),
            (".shuffled()", "randomness comes from a SeededGenerator: shuffled(using:)"),
            (".randomElement()", "randomness comes from a SeededGenerator: randomElement(using:)"),
        ]
        return lines.enumerated().flatMap { index, line -> [(Int, String)] in
            let code = line.trimmed
            guard !code.hasPrefix("//") else { return [] }
            var found = banned.filter { code.contains($0.0) }.map { (index + 1, $0.1) }
            if code.contains(".random(in:"), !code.contains("using:") {
                found.append((index + 1, "randomness comes from a SeededGenerator: using:"))
            }
            return found
        }
    }
}
