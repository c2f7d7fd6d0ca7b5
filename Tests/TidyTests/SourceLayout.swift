// Where functions begin and end, as far as the formatter's own style tells it: a declaration's
// closing brace stands in the column of its first word.

/// A function, initialiser or accessor that spans more than one line.
struct FunctionSpan: Sendable, CustomStringConvertible {
    let file: String
    /// Counted from 1.
    let line: Int
    let length: Int
    let declaration: String

    var description: String { "\(file):\(line): \(length) lines: \(declaration)" }
}

extension SourceFile {
    /// Every function of the file. Lines inside string literals may hide one; none is longer for it.
    var functions: [FunctionSpan] {
        var spans: [FunctionSpan] = []
        for (index, line) in lines.enumerated() where Self.opensFunction(line) {
            let indentation = line.prefix { $0 == " " }
            let closing = indentation + "}"
            let end = lines[index...].firstIndex { candidate in
                candidate == closing || candidate.hasPrefix(closing + " ")
                    || candidate == line && candidate.hasSuffix("}")
            }
            guard let end else { continue }
            spans.append(
                FunctionSpan(
                    file: path, line: index + 1, length: end - index + 1,
                    declaration: line.trimmed))
        }
        return spans
    }

    private static func opensFunction(_ line: String) -> Bool {
        let modifiers: Set<String> = [
            "public", "private", "fileprivate", "internal", "package", "static", "mutating",
            "final", "override", "convenience", "required", "nonisolated", "class", "@Test",
            "@discardableResult", "@inline(__always)",
        ]
        for word in line.split(separator: " ") {
            if modifiers.contains(String(word)) { continue }
            return word == "func" || word.hasPrefix("init(") || word.hasPrefix("init<")
        }
        return false
    }
}

extension String {
    var trimmed: String {
        String(drop { $0 == " " })
    }
}
