// The words before the flags: `python3 -m MODULE`.

/// The form of the published commands.
enum PythonCommand {
    static let engine = "sglang.launch_server"
    static let router = "sglang_router.launch_router"
    static let store = "mf_adapter.launch_ascend_mf_store"

    /// - Returns: the module and the words after it.
    /// - Throws: usage, where no module is named.
    static func split(
        _ command: [String]
    ) throws(ArgumentError) -> (module: String, argv: [String]) {
        guard let flag = command.firstIndex(of: "-m"), flag + 1 < command.count else {
            throw .usage("expected python3 -m MODULE …, got: \(command.joined(separator: " "))")
        }
        return (command[flag + 1], Array(command[(flag + 2)...]))
    }
}
