// Writes a tree as block-style YAML that every YAML 1.1 and 1.2 reader understands alike: whatever a
// reader could take for something else than the text that it is stands in double quotes.

extension YAMLNode {
    /// The document with two spaces of indentation a level and a newline at its end.
    public var text: String {
        var text = ""
        write(to: &text, indentation: 0)
        return text
    }

    private func write(to text: inout String, indentation: Int) {
        let margin = String(repeating: " ", count: indentation)
        switch content {
        case .scalar(let scalar): text += "\(margin)\(scalar.written)\n"
        case .list(let elements):
            for element in elements {
                if let inline = element.inline {
                    text += "\(margin)- \(inline)\n"
                } else {
                    text += "\(margin)-\n"
                    element.write(to: &text, indentation: indentation + 2)
                }
            }
        case .map(let members):
            for member in members {
                text += "\(margin)\(Scalar(member.name, isPlain: false).written):"
                if let inline = member.value.inline {
                    text += " \(inline)\n"
                } else {
                    text += "\n"
                    member.value.write(to: &text, indentation: indentation + 2)
                }
            }
        }
    }

    /// Scalars, empty collections and short lists of scalars stand behind their name.
    private var inline: String? {
        switch content {
        case .scalar(let scalar): return scalar.written
        case .map(let members): return members.isEmpty ? "{}" : nil
        case .list(let elements):
            var words: [String] = []
            for element in elements {
                guard let word = element.inline else { return nil }
                words.append(word)
            }
            let line = "[\(words.joined(separator: ", "))]"
            return line.count <= 72 ? line : nil
        }
    }
}

extension YAMLNode.Scalar {
    /// As it stands where it is plain (a number, `true`, `null`) or cannot be misread; else quoted.
    fileprivate var written: String {
        if isPlain { return text.isEmpty ? "null" : text }
        return isSafe ? text : quoted
    }

    /// A text that no reader takes for a number, a boolean, a date, a null or syntax.
    private var isSafe: Bool {
        guard let first = text.unicodeScalars.first else { return false }
        guard first.properties.isAlphabetic && first.isASCII || first == "/" || isFlag else {
            return false
        }
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"]
        if words.contains(text.lowercased()) { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "-_./+".unicodeScalars.contains(scalar))
        }
    }

    /// `--name`: a hyphen that is not followed by a space is no list. `---` would be a document.
    private var isFlag: Bool { text.hasPrefix("--") && text.count > 3 && !text.hasPrefix("---") }

    private var quoted: String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0xA0).contains(scalar.value),
                "\u{2028}", "\u{2029}", "\u{FEFF}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
