// Children, by handle. A pid is only ever signalled while its process has not been reaped, which
// libuv and the kernel agree on; a stored number could by then be somebody else.

import Base
import CLibuv
import Glibc

/// What to start.
public struct ChildSpecification: Sendable {
    /// What one of the child's descriptors is.
    public enum Descriptor: Hashable, Sendable {
        /// `/dev/null`.
        case null
        /// The parent's descriptor of that number; the parent keeps its own.
        case inherit(Int32)
        /// A pipe from the child to ``ChildProcess/pipes``.
        case pipeFromChild
        /// A pipe from ``ChildProcess/pipes`` to the child.
        case pipeToChild
    }

    /// A path, or a name to be found on `PATH`.
    public var executable: String
    /// The arguments after the executable's own name.
    public var arguments: [String]
    /// The whole environment; nil hands on the parent's.
    public var environment: [String: String]?
    /// nil hands on the parent's.
    public var workingDirectory: String?
    /// The child's descriptors 0, 1, 2 and so on. Every other one is closed in the child.
    public var descriptors: [Descriptor]
    /// Whether the child leads a session and process group of its own, so that it outlives
    /// the parent's terminal and can be signalled with all of its group.
    public var isDetached: Bool

    public init(
        executable: String, arguments: [String] = [], environment: [String: String]? = nil,
        workingDirectory: String? = nil,
        descriptors: [Descriptor] = [.null, .inherit(1), .inherit(2)], isDetached: Bool = false
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.descriptors = descriptors
        self.isDetached = isDetached
    }
}

/// How a child ended.
public enum ChildExit: Hashable, Sendable, CustomStringConvertible {
    case exited(code: Int32)
    case signalled(Int32)

    public var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signalled(let signal): "ended by signal \(signal)"
        }
    }
}

/// A child process. The loop keeps it until it is reaped, whether anybody else holds it or not;
/// the end of the loop leaves it running.
public final class ChildProcess {
    public let pid: Int32
    /// The parent's ends of the pipes asked for, by the child's descriptor. Each is to be started
    /// or closed by the owner.
    public let pipes: [Int32: StreamConnection]
    /// How it ended; nil while it runs.
    public private(set) var exit: ChildExit?

    private let handle: Handle
    private let isDetached: Bool
    private let onExit: (ChildExit) -> Void

    /// Starts a child.
    /// - Parameters:
    ///   - loop: where it is watched.
    ///   - specification: what to start.
    ///   - onExit: called once, when it has ended and is reaped. Its pipes may still hold bytes.
    /// - Throws: what `fork` or `exec` answered, such as ENOENT: nothing runs then.
    public init(
        _ loop: Loop, _ specification: ChildSpecification, onExit: @escaping (ChildExit) -> Void
    ) throws(UVError) {
        self.onExit = onExit
        isDetached = specification.isDetached
        var pipes: [Int32: StreamConnection] = [:]
        for (index, descriptor) in specification.descriptors.enumerated() {
            guard descriptor == .pipeFromChild || descriptor == .pipeToChild else { continue }
            pipes[Int32(index)] = try StreamConnection(loop, tcp: false, peerName: "pipe")
        }
        self.pipes = pipes
        // uv_spawn leaves a handle that must be closed even when it fails, unlike every other
        // function that opens one; so the handle is taken over first and filled in then.
        handle = try Handle(uv_process_t.self, loop: loop, "start") { _, raw in
            UnsafeMutableRawPointer(raw).initializeMemory(
                as: UInt8.self, repeating: 0, count: MemoryLayout<uv_process_t>.size)
            return 0
        }
        guard let raw = handle.raw(as: uv_process_t.self), let rawLoop = loop.raw else {
            throw UVError(UV_ECANCELED, operation: "start", subject: specification.executable)
        }
        let result = spawn(rawLoop, raw, specification, pipes) { raw, status, signal in
            Handle.owner(of: raw, as: ChildProcess.self)?.ended(status: status, signal: signal)
        }
        // uv_spawn sets the handle up anew and with it the way back to its owner.
        raw.pointee.data = Unmanaged.passUnretained(handle).toOpaque()
        pid = raw.pointee.pid
        handle.owner = self
        try check(result, "start", specification.executable)
        loop.keep(self)
    }

    /// Sends the signal. A child that has ended is left alone.
    /// - Parameters:
    ///   - signal: its number.
    ///   - wholeGroup: whether every process of a detached child's group gets it.
    /// - Throws: EPERM and the like. That the process is gone already is no error.
    public func kill(_ signal: Int32, wholeGroup: Bool = false) throws(UVError) {
        guard exit == nil, let raw = handle.raw(as: uv_process_t.self) else { return }
        invariant(!wholeGroup || isDetached, "child \(pid) has no process group of its own")
        let result = wholeGroup ? uv_kill(-pid, signal) : uv_process_kill(raw, signal)
        guard result != UV_ESRCH.rawValue else { return }
        try check(result, "send signal \(signal) to", "process \(pid)")
    }

    private func ended(status: Int64, signal: Int32) {
        let exit: ChildExit =
            signal != 0 ? .signalled(signal) : .exited(code: Int32(truncatingIfNeeded: status))
        self.exit = exit
        handle.close()
        handle.loop?.letGo(of: self)
        onExit(exit)
    }
}

@available(*, unavailable) extension ChildProcess: Sendable {}

/// Puts the specification into C form for the length of one call of `uv_spawn`.
private func spawn(
    _ loop: UnsafeMutablePointer<uv_loop_t>, _ process: UnsafeMutablePointer<uv_process_t>,
    _ specification: ChildSpecification, _ pipes: [Int32: StreamConnection],
    onExit: uv_exit_cb
) -> Int32 {
    var stdio = specification.descriptors.enumerated().map { index, descriptor in
        container(for: descriptor, pipe: pipes[Int32(index)])
    }
    let environment = specification.environment.map { variables in
        variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
    return withCStrings([specification.executable] + specification.arguments) { arguments in
        withCStrings(environment ?? []) { variables in
            withOptionalCString(specification.workingDirectory) { directory in
                stdio.withUnsafeMutableBufferPointer { stdio in
                    var options = uv_process_options_t()
                    options.exit_cb = onExit
                    options.file = UnsafePointer(arguments[0])
                    options.args = arguments
                    options.env = environment == nil ? nil : variables
                    options.cwd = directory
                    options.flags = specification.isDetached ? UV_PROCESS_DETACHED.rawValue : 0
                    options.stdio_count = Int32(stdio.count)
                    options.stdio = stdio.baseAddress
                    return uv_spawn(loop, process, &options)
                }
            }
        }
    }
}

private func container(
    for descriptor: ChildSpecification.Descriptor, pipe: StreamConnection?
) -> uv_stdio_container_t {
    var container = uv_stdio_container_t()
    switch descriptor {
    case .null:
        container.flags = UV_IGNORE
    case .inherit(let number):
        container.flags = UV_INHERIT_FD
        container.data.fd = number
    case .pipeFromChild, .pipeToChild:
        let direction = descriptor == .pipeToChild ? UV_READABLE_PIPE : UV_WRITABLE_PIPE
        container.flags = uv_stdio_flags(UV_CREATE_PIPE.rawValue | direction.rawValue)
        container.data.stream = pipe?.handle.raw(as: uv_stream_t.self)
    }
    return container
}

/// The strings as a null-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { fatalError("an array without nil") }
        return body(base)
    }
}

private func withOptionalCString<Result>(
    _ string: String?, _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let string else { return body(nil) }
    return string.withCString { body($0) }
}
