// How a profile inherits. `extends` names bases; each is merged over the one before it, and the
// profile over them all. Merging happens on the tree, before anything is understood, so one rule
// serves every field and every value keeps the place where it was written:
// maps merge by name, everything else replaces, `null` removes, new names go to the end.

import YAML

struct ProfileResolution {
    let log: DiagnosticLog
    /// The text of a base; nil where there is none of that name.
    let load: (String) -> String?
    /// Where the document got what it did not write itself.
    private(set) var origins = InheritedOrigins()

    init(log: DiagnosticLog, load: @escaping (String) -> String?) {
        self.log = log
        self.load = load
    }

    /// Fields that describe one profile alone.
    private static let ownFields = ["profile", "extends", "published", "summary"]

    /// The document with everything that it inherits.
    mutating func resolve(_ text: String, file: String, chain: [String] = []) -> YAMLNode? {
        let document: YAMLNode
        do {
            document = try YAMLNode(parsing: text, file: file)
        } catch {
            for diagnostic in error.diagnostics {
                log.report(
                    diagnostic.message, at: diagnostic.location, field: diagnostic.field)
            }
            return nil
        }
        let reader = YAMLReader(document, log: log)
        guard let members = document.members else {
            reader.reportExpected("a map with profile, extends, roles and other fields")
            return nil
        }
        var result = YAMLNode(.map([]), at: document.location)
        if let extends = document["extends"] {
            let field = YAMLReader(extends, field: "extends", log: log)
            for base in field.list(of: "profile names") ?? [] {
                guard let node = resolve(base: base, chain: chain) else { return nil }
                if chain.isEmpty, let name = base.string(expected: "a profile name") {
                    origins.inherit(node, through: name, at: base.node.location)
                }
                result = merge(result, node, field: "")
            }
        }
        let own = YAMLNode(.map(members.filter { $0.name != "extends" }), at: document.location)
        return merge(result, own, field: "")
    }

    private mutating func resolve(base: YAMLReader, chain: [String]) -> YAMLNode? {
        guard let name = base.string(expected: "a profile name") else { return nil }
        guard !chain.contains(name) else {
            base.report("\"\(name)\" extends itself: \((chain + [name]).joined(separator: " > "))")
            return nil
        }
        guard let text = load(name) else {
            let nearest = suggestion(for: name, in: ProfileCatalog.names + ProfileCatalog.baseNames)
            base.report("unknown profile \"\(name)\"\(nearest)")
            return nil
        }
        let resolved = resolve(text, file: "\(name).yaml", chain: chain + [name])
        return resolved.map { node in
            let inherited = (node.members ?? []).filter { !Self.ownFields.contains($0.name) }
            return YAMLNode(.map(inherited), at: node.location)
        }
    }

    /// `overlay` over `base`, at the field of that path.
    mutating func merge(_ base: YAMLNode, _ overlay: YAMLNode, field: String) -> YAMLNode {
        guard let changes = overlay.members else { return overlay }
        var members = base.members ?? []
        for change in changes {
            let path = field.isEmpty ? change.name : "\(field).\(change.name)"
            let index = members.firstIndex { $0.name == change.name }
            if change.value.isNull {
                if let index {
                    members.remove(at: index)
                    origins.removals[path] = change.location
                } else {
                    let nearest = suggestion(for: change.name, in: members.map(\.name))
                    let message = "null removes, but nothing of this name is inherited\(nearest)"
                    log.report(message, at: change.location, field: path)
                }
                continue
            }
            let placed = PlacedValue(change)
            let empty = YAMLNode(.map([]), at: change.value.location)
            let inherited = index.map { members[$0].value } ?? empty
            let value = merge(inherited, placed.value, field: path)
            let member = YAMLMember(change.name, at: change.location, value)
            place(member, after: placed.after, at: index, in: &members, field: path)
        }
        return YAMLNode(.map(members), at: overlay.location)
    }

    private func place(
        _ member: YAMLMember, after: YAMLNode?, at index: Int?, in members: inout [YAMLMember],
        field: String
    ) {
        guard let after else {
            if let index { members[index] = member } else { members.append(member) }
            return
        }
        if let index { members.remove(at: index) }
        let reader = YAMLReader(after, field: "\(field).after", log: log)
        guard let name = reader.string(expected: "a flag") else { return }
        guard let anchor = members.firstIndex(where: { $0.name == name }) else {
            reader.report("unknown flag\(suggestion(for: name, in: members.map(\.name)))")
            return
        }
        members.insert(member, at: anchor + 1)
    }
}

/// An argument may say which other it follows: `--ep-size: {value: 32, after: --dp-size}`.
private struct PlacedValue {
    let value: YAMLNode
    let after: YAMLNode?

    init(_ member: YAMLMember) {
        if member.name.hasPrefix("--"), let value = member.value["value"],
            let after = member.value["after"], member.value.members?.count == 2
        {
            (self.value, self.after) = (value, after)
        } else {
            (value, after) = (member.value, nil)
        }
    }
}
