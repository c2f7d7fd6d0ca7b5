// `glm-agent inventory`: what this node is, asked without an agent. npu-smi is still asked by one process
// at a time, since the lock on it is the host's.

import Ascend
import Base
import EventLoop
import Host

func showInventory(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    if let node = arguments.positional(0) { return showToldInventory(of: node, invocation) }
    let root = arguments[.root] ?? "/"
    guard Files.exists(root) else { return invocation.misused("there is no directory \(root)") }
    for (option, path) in [("root", root), ("model", arguments[.model] ?? "/")]
    where !path.hasPrefix("/") {
        return invocation.misused("--\(option) takes a path from / on, not \"\(path)\"")
    }
    do throws(UVError) {
        let loop = try Loop()
        let collector = InventoryCollector(
            loop, root: HostRoot(root), environment: currentEnvironment())
        var found: NodeInventory?
        collector.collect(InventoryRequest(weights: arguments[.model])) {
            found = $0
            loop.stop()
        }
        loop.run()
        guard let found else { fatalError("the loop ended before the inventory was told") }
        let document = found.document
        invocation.show(document) {
            InventoryView(
                inventory: found, document: document, colour: invocation.console.hasColour
            ).text
        }
        return .success
    } catch {
        invocation.console.complain(error.description)
        return .failure
    }
}

/// What a node of the cluster has told the leader.
private func showToldInventory(of node: String, _ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.get(ControlPath("/v1/inventory", ["node": node]))
        let inventory: NodeInventory
        do {
            inventory = try NodeInventory(json: answer["inventory"] ?? .null)
        } catch {
            throw .unreadable("the inventory of \(node) cannot be read: \(error)")
        }
        invocation.show(answer) {
            "\(node), as it told the leader at \(answer["told"]?.stringValue ?? "?"):\n\n"
                + InventoryView(
                    inventory: inventory, document: answer["inventory"] ?? .null,
                    colour: invocation.console.hasColour
                ).text
        }
        return .success
    }
}

extension NodeInventory {
    /// The inventory with its digest as the last member.
    fileprivate var document: JSONValue {
        .object((json.objectValue ?? []) + [JSONValue.Member("digest", digest.json)])
    }
}
