// Faults that an engine can be told to have, at its start by the environment or later over HTTP.
//
//     GLM_REHEARSAL_FAULT = fault[@host[:port]][/role] {, …}

import Base

/// One way to misbehave.
enum Fault: Hashable, Sendable {
    /// Ends at once with exit code 1.
    case crashAtStart
    /// Kills itself so long after its start, or after it was told.
    case crashAfter(Duration)
    /// Never finishes loading.
    case hangInLoad
    /// Lives on, but computes nothing any more.
    case wedge
    /// Leaves a child in a session of its own that ignores SIGTERM.
    case leakChild
    /// Logs an error in the words of SGLang or HCCL so long after its start (or after it was told), and
    /// ends in their manner.
    case fail(SaidError, after: Duration)
    /// Leaves a child that takes the engine's HTTP port as soon as the engine is gone.
    case holdPort

    /// Reads a name such as `wedge` or `crash-after:2.5`; nil where there is no such fault.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", maxSplits: 1)
        switch (parts.first.map { String($0) }, parts.count) {
        case ("crash-at-start", 1): self = .crashAtStart
        case ("crash-after", 2):
            guard let seconds = Double(String(parts[1])), (0...1e9).contains(seconds) else {
                return nil
            }
            self = .crashAfter(.seconds(seconds))
        case ("hang-in-load", 1): self = .hangInLoad
        case ("wedge", 1): self = .wedge
        case ("leak-child", 1): self = .leakChild
        case ("hold-port", 1): self = .holdPort
        case ("fail", 2):
            let words = parts[1].split(separator: "+", maxSplits: 1)
            guard let said = words.first.flatMap({ SaidError(rawValue: String($0)) }) else {
                return nil
            }
            guard let seconds = words.count > 1 ? Double(String(words[1])) : 0,
                (0...1e9).contains(seconds)
            else { return nil }
            self = .fail(said, after: .seconds(seconds))
        default: return nil
        }
    }
}

/// A fault and whom it is meant for.
struct TargetedFault: Hashable, Sendable {
    let fault: Fault
    /// nil means every host.
    let host: String?
    /// nil means every port.
    let port: UInt16?
    /// nil means every role.
    let role: Role?

    /// Reads the list of the environment variable.
    /// - Throws: the entry that is none.
    static func list(_ text: String) throws(ArgumentError) -> [TargetedFault] {
        var faults: [TargetedFault] = []
        for entry in text.split(separator: ",") {
            guard let fault = TargetedFault(entry) else {
                throw .check(
                    "GLM_REHEARSAL_FAULT has '\(entry)', which is no fault[@host[:port]][/role]")
            }
            faults.append(fault)
        }
        return faults
    }

    init?(_ text: some StringProtocol) {
        let byRole = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let byPlace = byRole[0].split(separator: "@", maxSplits: 1)
        guard let name = byPlace.first, let fault = Fault(name) else { return nil }
        self.fault = fault
        role = byRole.count > 1 ? Role(rawValue: String(byRole[1])) : nil
        guard byRole.count == 1 || role != nil else { return nil }
        guard byPlace.count > 1 else {
            (host, port) = (nil, nil)
            return
        }
        let place = String(byPlace[1])
        let endpoint = Endpoint(parsing: place)
        host = endpoint?.host ?? place
        port = endpoint?.port
    }

    func applies(to arguments: EngineArguments) -> Bool {
        (host ?? arguments.host) == arguments.host && (port ?? arguments.port) == arguments.port
            && (role ?? arguments.role) == arguments.role
    }
}
