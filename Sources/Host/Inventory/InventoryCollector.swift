// Gathers the inventory of a node without ever holding up the loop: files on another thread, tools as
// children, and each missing piece as a gap in the result. Nothing here changes the node.

public import Ascend
import Base
public import EventLoop

/// What an inventory is asked about beyond the node itself.
public struct InventoryRequest: Hashable, Sendable {
    /// The directory of the weights; nil leaves them out.
    public var weights: String?
    /// The interpreter that engines run in: a path, or a name on `PATH`.
    public var python: String
    /// The scripts that engines' environments come from; none leaves the environment out.
    public var sources: [String]
    /// Kernel parameters beyond ``Ascend/KernelParameter/watched``, by dotted name.
    public var parameters: [String]
    /// How old an answer of npu-smi may be.
    public var maxAge: Duration
    /// How much is asked.
    public var scope = Scope.whole

    public enum Scope: Hashable, Sendable {
        /// Only what can be asked in a second: dies, their health and memory, and who holds them.
        case dies
        /// What decides on a launch and may have changed since the last one. What only a boot changes may
        /// be an hour old, and what is advice is left out.
        case launch
        case whole
    }

    public init(
        weights: String? = nil, python: String = "python3",
        sources: [String] = AscendEnvironment.standardScripts, parameters: [String] = [],
        maxAge: Duration = .zero, scope: Scope = .whole
    ) {
        self.weights = weights
        self.python = python
        self.sources = sources
        self.parameters = parameters
        self.maxAge = maxAge
        self.scope = scope
    }
}

/// Makes inventories of one node. There is one for each agent, because npu-smi stands only one caller.
public final class InventoryCollector {
    /// For questions of one's own to npu-smi: every one must go through this.
    public let npu: NPUTool
    /// For pings over the fabric.
    public let fabric: FabricTool
    /// What engines are started from.
    public let engines: AscendEnvironment

    private let filter: FilterTool
    private let runner: CommandRunner
    private let queue: FileQueue

    /// - Parameters:
    ///   - loop: where everything happens.
    ///   - root: the node.
    ///   - environment: of the tools, as an engine would have it; `PATH` finds them.
    ///   - toolLimit: how long one call of npu-smi may take.
    public init(
        _ loop: Loop, root: HostRoot = HostRoot(), environment: [String: String],
        toolLimit: Duration = .seconds(20)
    ) {
        runner = CommandRunner(loop, root: root, environment: environment)
        npu = NPUTool(runner, limit: toolLimit)
        fabric = FabricTool(runner)
        filter = FilterTool(runner)
        engines = AscendEnvironment(runner)
        queue = FileQueue(loop)
    }

    /// Gathers an inventory. It takes some seconds on a node with NPUs.
    /// - Parameters:
    ///   - request: what else is asked.
    ///   - completion: told once, after this call has returned.
    public func collect(
        _ request: InventoryRequest = InventoryRequest(),
        completion: @escaping (NodeInventory) -> Void
    ) {
        let collection = InventoryCollection(npu: npu, fabric: fabric, request)
        let join = Join { completion(collection.inventory()) }
        join.begin()
        if request.scope == .dies {
            read(request, runner.environment) {
                collection.reading = $0
                join.end()
            }
        } else {
            // The environment first: of several installations of CANN it tells which one engines have.
            engines.make(from: request.sources) { [self] made in
                collection.environment = made.map(\.snapshot)
                askPython(request.python, made.value, join) { collection.python = $0 }
                read(request, made.value?.byName ?? runner.environment) {
                    collection.reading = $0
                    join.end()
                }
            }
        }
        if request.scope == .whole {
            join.begin()
            filter.ask {
                collection.filterRules = $0
                join.end()
            }
        }
        collection.askTools(join)
        join.end()
    }

    /// Reads the files of the node.
    private func read(
        _ request: InventoryRequest, _ environment: [String: String],
        told: @escaping (HostReading?) -> Void
    ) {
        let reader = HostReader(
            files: NodeFiles(root: runner.root), environment: environment, request: request)
        queue.run(
            { () throws(UVError) in reader.read() }, completion: { told(try? $0.get()) })
    }

    /// In the environment of the engines, since that decides where Python looks.
    private func askPython(
        _ name: String, _ engine: EngineEnvironment?, _ join: Join,
        _ told: @escaping (Fact<[PackageVersion]>) -> Void
    ) {
        let environment = engine?.byName
        guard let python = runner.find(name, in: environment) else {
            told(.unknown(Gap(.notInstalled, name, "not on PATH")))
            return
        }
        join.begin()
        let arguments = ["-c", PythonPackages.program] + PythonPackages.names
        runner.run(python, arguments, within: .seconds(20), environment: environment) { result in
            switch result {
            case .success(let result):
                told(
                    Fact("versions told by \(name)", result.text) { text throws(ParseError) in
                        try PythonPackages.parse(text)
                    })
            case .failure(let gap):
                told(.unknown(Gap(gap.kind, "versions told by \(name)", gap.detail)))
            }
            join.end()
        }
    }
}

@available(*, unavailable) extension InventoryCollector: Sendable {}

/// Counts what is under way; the end of the last is the end of all. Begun once by its maker.
final class Join {
    private var count = 1
    private let onEnd: () -> Void

    init(_ onEnd: @escaping () -> Void) {
        self.onEnd = onEnd
    }

    func begin() { count += 1 }

    func end() {
        count -= 1
        if count == 0 { onEnd() }
    }
}

@available(*, unavailable) extension Join: Sendable {}
