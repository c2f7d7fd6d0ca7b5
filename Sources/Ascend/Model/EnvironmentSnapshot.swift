// What the vendor's scripts (`set_env.sh`) make of an empty environment. Sourced in every shell anew they
// grow LD_LIBRARY_PATH each time, read whatever the shell had before, and may differ from node to node
// without anybody seeing it. So they are sourced once, in a clean shell, and what came of it is a value:
// engines are started from it, and nodes are compared by it.

/// A variable of an environment.
public struct Variable: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What scripts set, beyond what they found.
public struct EnvironmentSnapshot: Hashable, Sendable {
    /// The scripts in the order in which they were sourced, as paths of the node.
    public let scripts: [String]
    /// What they set or changed, by name. Where a value has that of the clean shell's variable of the same
    /// name in it, `$NAME` stands there instead: `/usr/local/Ascend/cann/bin:$PATH`.
    public let variables: [Variable]

    public init(scripts: [String], variables: [Variable]) {
        self.scripts = scripts
        self.variables = variables
    }

    /// What has changed between two environments.
    /// - Parameters:
    ///   - scripts: what was sourced.
    ///   - before: the environment of the clean shell.
    ///   - after: the environment that `env -0` printed behind the scripts.
    public init(scripts: [String], from before: [Variable], to after: [Variable]) {
        let known = Dictionary(before.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        let changed = after.filter { variable in
            !Self.ofEveryShell.contains(variable.name) && known[variable.name] != variable.value
        }
        self.init(
            scripts: scripts,
            variables: changed.map { variable in
                guard let old = known[variable.name], !old.isEmpty,
                    let range = variable.value.firstRange(of: old)
                else { return variable }
                var value = variable.value
                value.replaceSubrange(range, with: "$\(variable.name)")
                return Variable(variable.name, value)
            }
            .sorted { $0.name < $1.name })
    }

    /// What a shell sets by itself.
    public static let ofEveryShell: Set<String> = ["_", "OLDPWD", "PWD", "SHLVL"]

    /// Reads what `env -0` prints.
    public static func variables(_ text: String) -> [Variable] {
        text.split(separator: "\0").compactMap { entry in
            guard let sign = entry.firstIndex(of: "="), sign != entry.startIndex else { return nil }
            return Variable(String(entry[..<sign]), String(entry[entry.index(after: sign)...]))
        }
    }

    /// The SHA-256 of the variables, as 64 hexadecimal digits: equal where every name and value is.
    public var hash: String {
        SHA256.hex(variables.map { "\($0.name)=\($0.value)\0" }.joined().utf8)
    }

    public func value(of name: String) -> String? {
        variables.first { $0.name == name }?.value
    }
}
