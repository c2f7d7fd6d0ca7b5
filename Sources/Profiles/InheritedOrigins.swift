// Where a merged document got its parts. A rule between two fields may be broken by one that the
// operator wrote and one that was inherited; the operator can mend only a line of their own file,
// so that is what a message must name.

import YAML

struct InheritedOrigins {
    /// What a name of `extends` brought.
    struct Base {
        let name: String
        let location: SourceLocation
    }

    /// By the file in which the inherited values stand.
    private var bases: [String: Base] = [:]
    /// Where the `null` stands that removed a field, by the field's path.
    var removals: [String: SourceLocation] = [:]

    /// Where the base was named that a file came with; nil for the document's own.
    func base(of file: String) -> Base? { bases[file] }

    /// The document has everything of `node` through that name, which stands there.
    mutating func inherit(_ node: YAMLNode, through name: String, at location: SourceLocation) {
        for file in node.files { bases[file] = Base(name: name, location: location) }
    }
}

extension YAMLNode {
    /// The files in which it and its parts stand.
    fileprivate var files: Set<String> {
        var files: Set<String> = [location.file]
        for member in members ?? [] {
            files.insert(member.location.file)
            files.formUnion(member.value.files)
        }
        return files
    }
}
