// The output of an engine on disk, bounded: `engine.log` is written, `engine.log.1` is the one
// before it, and so on. An engine must never stop because its log cannot be written, so what a full
// disk refuses is counted, dropped, and said in the log once there is room again.

import EventLoop
import Glibc

/// Writes one shard's output. Blocks; the shim has nobody to keep waiting but its engine.
final class RotatingLog {
    private let directory: String
    private let limits: LogLimits
    private var file: OpenFile?
    private var fileBytes = 0
    private var lostBytes = 0

    init(directory: String, limits: LogLimits) throws(UVError) {
        self.directory = directory
        self.limits = limits
        try Files.makeDirectories(directory, permissions: 0o700)
        try open()
    }

    /// Appends the bytes; rotates between two lines where it can.
    func write(_ bytes: [UInt8]) {
        do throws(UVError) {
            try noteLoss()
            try append(bytes[...])
        } catch {
            lostBytes += bytes.count
        }
    }

    private func append(_ bytes: ArraySlice<UInt8>) throws(UVError) {
        var rest = bytes
        while !rest.isEmpty {
            let room = limits.fileBytes - fileBytes
            if rest.count <= room { return try put(rest) }
            let fitting = rest.prefix(max(0, room))
            if let newline = fitting.lastIndex(of: UInt8(ascii: "\n")) {
                try put(rest[...newline])
                rest = rest[(newline + 1)...]
            } else if fileBytes == 0 {
                // One line longer than a whole file.
                try put(fitting)
                rest = rest.dropFirst(fitting.count)
            }
            try rotate()
        }
    }

    private func put(_ bytes: ArraySlice<UInt8>) throws(UVError) {
        guard !bytes.isEmpty else { return }
        if file == nil { try open() }
        guard let file else { return }
        defer { fileBytes = (try? file.length()) ?? fileBytes }
        try file.write(Array(bytes))
    }

    private func noteLoss() throws(UVError) {
        guard lostBytes > 0 else { return }
        try append(
            Array("[glm-agent: \(lostBytes) bytes of output could not be written]\n".utf8)[...])
        lostBytes = 0
    }

    private func open() throws(UVError) {
        let opened = try OpenFile(EngineLog.current(in: directory), .append, permissions: 0o600)
        fileBytes = try opened.length()
        file = opened
    }

    private func rotate() throws(UVError) {
        file = nil
        var count = 0
        while count < limits.files, Files.exists(EngineLog.file(count, in: directory)) {
            count += 1
        }
        if count == limits.files {
            count -= 1
            try Files.remove(EngineLog.file(count, in: directory))
        }
        for index in stride(from: count, to: 0, by: -1) {
            let newer = EngineLog.file(index - 1, in: directory)
            guard rename(newer, EngineLog.file(index, in: directory)) == 0 else {
                throw UVError(errno: errno, operation: "rotate", subject: newer)
            }
        }
        try open()
    }
}

@available(*, unavailable) extension RotatingLog: Sendable {}

/// The names of the files.
enum EngineLog {
    static func current(in directory: String) -> String { file(0, in: directory) }

    /// The current file is 0, and the higher, the older.
    static func file(_ index: Int, in directory: String) -> String {
        index == 0 ? "\(directory)/engine.log" : "\(directory)/engine.log.\(index)"
    }
}
