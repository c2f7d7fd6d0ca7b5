// hccn_tool: the network side of the NPUs. It may run several times at once, and a node is asked four
// things of sixteen dies, so a few run side by side.

public import Ascend
import Base
import EventLoop

/// Asks hccn_tool. There is one for each agent.
public final class FabricTool {
    private let runner: CommandRunner
    private let limit: Duration
    private var waiting: [() -> Void] = []
    private var runningCount = 0

    /// How many run at once.
    public static let width = 4
    private static let places = [
        "/usr/local/Ascend/driver/tools/hccn_tool", "/usr/local/bin/hccn_tool",
    ]

    /// - Parameters:
    ///   - runner: starts it.
    ///   - limit: of one call.
    public init(_ runner: CommandRunner, limit: Duration = .seconds(10)) {
        self.runner = runner
        self.limit = limit
    }

    /// Asks about one die.
    /// - Parameters:
    ///   - die: the die.
    ///   - arguments: after `hccn_tool -i N`.
    ///   - parse: reads what it printed.
    ///   - completion: told the fact after this call has returned.
    public func ask<Value>(
        _ die: DieID, _ arguments: [String],
        parse: @escaping (String) throws(ParseError) -> Value,
        completion: @escaping (Fact<Value>) -> Void
    ) {
        guard let executable = runner.find("hccn_tool", orAt: Self.places) else {
            let gap = Gap(.notInstalled, "hccn_tool", "not on PATH, nor where the driver puts it")
            runner.loop.soon { completion(.unknown(gap)) }
            return
        }
        let arguments = ["-i", "\(die)"] + arguments
        let line = "hccn_tool " + arguments.joined(separator: " ")
        waiting.append { [weak self, runner, limit] in
            runner.run(executable, arguments, within: limit) { result in
                self?.runningCount -= 1
                self?.startNext()
                switch result {
                case .success(let result): completion(Fact(line, result.text, parse))
                case .failure(let gap): completion(.unknown(gap))
                }
            }
        }
        startNext()
    }

    /// Pings an address on the HCCS fabric from a die: the proof that two dies reach one another.
    public func ping(
        from die: DieID, to vnicAddress: String, completion: @escaping (Fact<FabricPing>) -> Void
    ) {
        ask(
            die, ["-hccs_ping", "-g", "address", vnicAddress],
            parse: { text throws(ParseError) in try HCCNOutput.ping(text) },
            completion: completion)
    }

    private func startNext() {
        while runningCount < Self.width, !waiting.isEmpty {
            runningCount += 1
            waiting.removeFirst()()
        }
    }
}

@available(*, unavailable) extension FabricTool: Sendable {}
