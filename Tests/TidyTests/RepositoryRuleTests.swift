// What stands where in the repository.

import Testing

@Suite struct RepositoryRuleTests {
    @Test func `the top level holds only what belongs there`() {
        let allowed: Set<String> = [
            ".build", ".ci", ".git", ".gitignore", ".swift-format", ".swiftpm", "Deploy", "LICENSE",
            "Package.resolved", "Package.swift", "Protocols", "README.md", "Sources", "Tests",
        ]
        let surplus = SourceTree.names(in: ".").filter { !allowed.contains($0) }
        #expect(surplus.isEmpty, "move or remove \(surplus)")
    }

    @Test func `every directory for readers has its guide`() {
        for directory in ["Sources", "Protocols", "Tests", "Deploy"] {
            let guide = SourceTree.text(of: "\(directory)/README.md")
            #expect(!guide.isEmpty, "\(directory)/README.md is missing")
        }
    }

    @Test func `every target has a row in the map`() {
        let map = SourceTree.text(of: "Sources/README.md")
        for target in SourceTree.names(in: "Sources") where target != "README.md" {
            #expect(map.contains("`\(target)`"), "Sources/README.md does not mention `\(target)`")
        }
    }

    @Test func `every target with code of its own has tests`() {
        let withoutTests: Set<String> = ["CSystem", "glm-agent"]
        for target in SourceTree.names(in: "Sources") where !target.hasSuffix(".md") {
            let isLibraryOfOthers =
                !SourceTree.text(of: "Sources/\(target)/module.modulemap").isEmpty
            if isLibraryOfOthers || withoutTests.contains(target) { continue }
            let tests = SourceTree.names(in: "Tests/\(target)Tests")
            #expect(!tests.isEmpty, "Tests/\(target)Tests is missing")
        }
    }

    @Test func `every protocol document is named in the guide`() {
        let guide = SourceTree.text(of: "Protocols/README.md")
        for name in SourceTree.names(in: "Protocols") where name != "README.md" {
            #expect(guide.contains(name), "Protocols/README.md does not mention \(name)")
        }
    }

    @Test(arguments: ["Deploy/try", "Tests/run", ".ci/run"])
    func `scripts stop at their first error and find the repository themselves`(path: String) {
        let script = SourceTree.text(of: path)
        #expect(script.hasPrefix("#!/usr/bin/env bash\n"))
        #expect(script.contains("pipefail"), "\(path): set -euo pipefail")
        #expect(script.contains("cd \"$(dirname \"$0\")/..\""), "\(path): begin at the repository")
    }
}
