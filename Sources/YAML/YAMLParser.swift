// libyaml's event parser turned into a tree. The subset is what configuration needs and nothing that
// makes a file mean something else than it seems to: one document, text names, no duplicate names,
// no anchors, no tags, bounded size and depth.

import CLibyaml

extension YAMLNode {
    /// The largest text that is read, in bytes.
    public static let maximumSize = 1 << 20
    /// How deep lists and maps may nest.
    public static let maximumDepth = 32

    /// Parses one document.
    ///
    /// - Parameters:
    ///   - text: the document.
    ///   - file: the name that locations carry.
    /// - Throws: the first syntax error, or every duplicate name, anchor and tag.
    public init(parsing text: String, file: String) throws(ConfigurationError) {
        let log = DiagnosticLog()
        let start = SourceLocation(file: file, line: 1, column: 1)
        guard text.utf8.count <= Self.maximumSize else {
            log.report("expected at most 1 MiB of text", at: start, field: "")
            self = try log.result(nil)
            return
        }
        var builder = TreeBuilder(file: file, log: log)
        var bytes = Array(text.utf8)
        // libyaml wants a valid pointer also for an empty text.
        bytes.append(0)
        bytes.withUnsafeBufferPointer { buffer in
            builder.readEvents(of: buffer, count: text.utf8.count)
        }
        self = try log.result(
            builder.root ?? YAMLNode(.scalar(Scalar("", isPlain: true)), at: start))
    }
}

/// Builds the tree from events: a stack of the lists and maps that are still open.
private struct TreeBuilder {
    let file: String
    let log: DiagnosticLog
    var root: YAMLNode?
    private var open: [Open] = []
    private var documents = 0

    private struct Open {
        let isMap: Bool
        let location: SourceLocation
        var elements: [YAMLNode] = []
        var members: [YAMLMember] = []
        var pendingName: (name: String, location: SourceLocation)?
        var names: Set<String> = []
    }

    init(file: String, log: DiagnosticLog) {
        self.file = file
        self.log = log
    }

    mutating func readEvents(of buffer: UnsafeBufferPointer<UInt8>, count: Int) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else { fatalError("libyaml: out of memory") }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, buffer.baseAddress, count)
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else {
                return reportSyntax(of: parser, in: buffer[..<count])
            }
            defer { yaml_event_delete(&event) }
            if event.type == YAML_STREAM_END_EVENT || !handle(event) { return }
        }
    }

    /// False when reading on makes no sense.
    private mutating func handle(_ event: yaml_event_t) -> Bool {
        let location = location(of: event.start_mark)
        switch event.type {
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            guard documents > 1 else { return true }
            log.report("expected one document; remove the \"---\"", at: location, field: "")
            return false
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            refuse(anchor: scalar.anchor, tag: scalar.tag, at: location)
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let plain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            let text = YAMLNode.Scalar(String(decoding: bytes, as: UTF8.self), isPlain: plain)
            add(YAMLNode(.scalar(text), at: location))
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            refuse(anchor: start.anchor, tag: start.tag, at: location)
            return push(Open(isMap: false, location: location))
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            refuse(anchor: start.anchor, tag: start.tag, at: location)
            return push(Open(isMap: true, location: location))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            guard let closed = open.popLast() else { return false }
            let content: YAMLNode.Content =
                closed.isMap ? .map(closed.members) : .list(closed.elements)
            add(YAMLNode(content, at: closed.location))
        case YAML_ALIAS_EVENT:
            log.report("aliases are not read; write the value out", at: location, field: "")
            return false
        default: break
        }
        return true
    }

    private mutating func push(_ container: Open) -> Bool {
        guard open.count < YAMLNode.maximumDepth else {
            let message = "expected at most \(YAMLNode.maximumDepth) levels of lists and maps"
            log.report(message, at: container.location, field: "")
            return false
        }
        open.append(container)
        return true
    }

    /// Puts a finished node where it belongs: the root, a list's end, a map's name or its value.
    private mutating func add(_ node: YAMLNode) {
        guard var container = open.popLast() else {
            root = node
            return
        }
        if !container.isMap {
            container.elements.append(node)
        } else if let (name, location) = container.pendingName {
            container.pendingName = nil
            if container.names.insert(name).inserted {
                container.members.append(YAMLMember(name, at: location, node))
            } else {
                log.report("\"\(name)\" is given twice", at: location, field: "")
            }
        } else if case .scalar(let scalar) = node.content {
            container.pendingName = (scalar.text, node.location)
        } else {
            log.report("expected a text as name, found \(node.kind)", at: node.location, field: "")
            container.pendingName = ("", node.location)
        }
        open.append(container)
    }

    private func refuse(
        anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?,
        at location: SourceLocation
    ) {
        if anchor != nil {
            log.report("anchors are not read; write the value out", at: location, field: "")
        }
        if tag != nil {
            log.report("tags are not read; remove the \"!\"", at: location, field: "")
        }
    }

    private func reportSyntax(
        of parser: UnsafeMutablePointer<yaml_parser_t>, in text: Slice<UnsafeBufferPointer<UInt8>>
    ) {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "unreadable"
        let context = parser.pointee.context.map { " \(String(cString: $0))" } ?? ""
        let found = location(of: parser.pointee.problem_mark)
        let begun = location(of: parser.pointee.context_mark)
        if isTab(at: found, in: text) {
            log.report(
                "expected YAML: a tab stands here; indent with spaces", at: found, field: "")
        } else if context.contains("while parsing a flow"), begun.line < found.line {
            // A bracket that is never closed is missed far below: the mistake is where it was opened.
            log.report(
                "expected YAML: \(problem)\(context), which begins here; missed in line \(found.line)",
                at: begun, field: "")
        } else {
            log.report("expected YAML: \(problem)\(context)", at: found, field: "")
        }
    }

    private func isTab(
        at place: SourceLocation, in text: Slice<UnsafeBufferPointer<UInt8>>
    ) -> Bool {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard place.line <= lines.count else { return false }
        let line = String(decoding: lines[place.line - 1], as: UTF8.self)
        return line.dropFirst(place.column - 1).first == "\t"
    }

    private func location(of mark: yaml_mark_t) -> SourceLocation {
        SourceLocation(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
