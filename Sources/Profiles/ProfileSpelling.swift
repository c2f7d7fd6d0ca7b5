// Names, and values of flags with a set of them, that are nearly known ones. An engine ignores an environment variable that it does not know,
// and public scripts do export `HCCL_SOCKET_TFNAME` and `PYTHORCH_NPU_ALLOC_CONF`; a misspelt flag
// stops it only once it starts. A name that nobody knows stays legal (engines have more of them than
// this program can list), so this warns, and only where the known name is one or two edits away.

import YAML

struct ProfileSpelling {
    let log: DiagnosticLog

    /// Warns of every name in a profile, or in a part of one at that field.
    func check(_ document: YAMLNode, field: String = "") {
        checkValue("hardware", in: document, field, KnownNames.hardware)
        let host = document["host"]
        checkValue("governor", in: host, path(field, "host"), KnownNames.governors)
        for name in document["unset"].elements {
            checkText(name, path(field, "unset"), KnownNames.current.environment)
        }
        checkEngine(document, field)
        for role in document["roles"]?.members ?? [] {
            checkEngine(role.value, path(path(field, "roles"), role.name))
        }
        for (part, flags) in [
            ("router", KnownNames.current.routerFlags),
            ("benchmark", KnownNames.current.benchmarkFlags),
        ] {
            checkNames("arguments", in: document[part], path(field, part), flags)
        }
    }

    /// The environment and the arguments of engines.
    private func checkEngine(_ node: YAMLNode, _ field: String) {
        checkNames("environment", in: node, field, KnownNames.current.environment)
        checkNames("arguments", in: node, field, KnownNames.current.engineFlags)
    }

    private func checkNames(_ name: String, in node: YAMLNode?, _ field: String, _ known: [String])
    {
        for member in node?[name]?.members ?? [] {
            let field = path(path(field, name), member.name)
            warn(member.name, at: member.location, field, known)
            // Arguments with a set of values; nothing else is called so.
            if let values = KnownNames.current.values[member.name] {
                checkText(member.value["value"] ?? member.value, field, values)
            }
        }
    }

    private func checkValue(_ name: String, in node: YAMLNode?, _ field: String, _ known: [String])
    {
        if let value = node?[name] { checkText(value, path(field, name), known) }
    }

    private func checkText(_ node: YAMLNode, _ field: String, _ known: [String]) {
        guard case .scalar(let scalar) = node.content else { return }
        warn(scalar.text, at: node.location, field, known)
    }

    private func warn(
        _ name: String, at location: SourceLocation, _ field: String, _ known: [String]
    ) {
        // Short names are near to too many others.
        let edits = name.count < 10 ? 1 : 2
        guard !known.contains(name),
            let nearest = nearestName(to: name, in: known, atMost: edits)
        else { return }
        let message = "\"\(name)\" is not known; did you mean \"\(nearest)\"?"
        log.warn(message, at: location, field: field)
    }

    private func path(_ field: String, _ name: String) -> String {
        field.isEmpty ? name : "\(field).\(name)"
    }
}

extension YAMLNode? {
    /// The elements of a list; empty for anything else.
    fileprivate var elements: [YAMLNode] {
        if case .list(let elements) = self?.content { elements } else { [] }
    }
}
