// The repository as the tests of its order see it: file names and lines, read with nothing but the
// C library, since the rules ban Foundation here too.

import Glibc

/// A text file of the repository.
struct SourceFile: Sendable, CustomStringConvertible {
    /// From the repository's root: `Sources/Base/Words.swift`.
    let path: String
    let lines: [String]

    var description: String { path }

    /// The target that the file belongs to: the second part of its path.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The modules that the file imports, without access levels and kinds.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index <= 2, !line.hasPrefix(" ")
            else { return nil }
            return words.last.map { String($0.prefix { $0 != "." }) }
        }
    }
}

enum SourceTree {
    /// The directory that holds Package.swift, found from this file.
    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Every Swift file below Sources and Tests, sorted by path.
    static let swiftFiles: [SourceFile] = ["Sources", "Tests"].flatMap { files(below: $0) }

    static func swiftFiles(ofTargets targets: [String]) -> [SourceFile] {
        swiftFiles.filter { $0.path.hasPrefix("Sources/") && targets.contains($0.target) }
    }

    /// The names in a directory, sorted, without `.` and `..`; empty where there is none.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir("\(root)/\(directory)") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The text of a file; empty where there is none.
    static func text(of path: String) -> String {
        guard let file = fopen("\(root)/\(path)", "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    private static func files(below directory: String) -> [SourceFile] {
        names(in: directory).flatMap { name -> [SourceFile] in
            let path = "\(directory)/\(name)"
            if name.hasSuffix(".swift") {
                let lines = text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
                return [SourceFile(path: path, lines: lines.map(String.init))]
            }
            return name.contains(".") ? [] : files(below: path)
        }
    }
}
