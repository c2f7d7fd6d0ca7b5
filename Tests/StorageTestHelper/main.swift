// A program that only writes, for tests that kill it or take its disk away.
//
//     StorageTestHelper write DIRECTORY   writes on from what is there, and says each number once it is on disk
//     StorageTestHelper hang DIRECTORY    ends with 6 although a thread of its pool hangs as in a disk
//     StorageTestHelper fill DIRECTORY    writes until the disk is full, makes room, and looks at what is there

import Base
import CSystem
import Consensus
import EventLoop
import Glibc
import Storage
import Synchronization

/// One life of a store: from what is on disk on, several writes under way at a time.
final class Writer {
    let loop: Loop
    let store: DurableStore
    var pending: DurableState
    var isDone = false

    init(_ directory: String) throws {
        loop = try Loop()
        let opened = try DurableStore.open(
            directory: directory, node: NodeID("n1"), cluster: "glm", machine: 0, on: loop)
        store = opened.store
        pending = opened.state
    }

    var count: UInt64 { pending.hardState.term.value }

    func write(then: @escaping (Result<PersistToken, StorageError>) -> Void) {
        let request = step(count + 1, after: pending)
        pending.apply(request)
        store.persist(request, completion: then)
    }
}

func say(_ number: UInt64) {
    var number = number
    guard write(1, &number, 8) == 8 else { exit(70) }
}

func writeForEver(_ directory: String) throws {
    let writer = try Writer(directory)
    say(writer.count)
    func more() {
        writer.write { result in
            guard case .success(let token) = result else { exit(71) }
            say(token.value)
            more()
        }
    }
    for _ in 0..<3 { more() }
    writer.loop.run()
}

/// Takes all room there is.
func occupy(_ path: String) throws {
    let file = try OpenFile(path, .append)
    do {
        while true { try file.write([UInt8](repeating: 1, count: 4096)) }
    } catch {
        guard error.name == "ENOSPC" else { throw error }
    }
}

/// The disk is small, so that it is soon full.
func fill(_ directory: String) throws {
    let ballast = "\(directory)/ballast"
    var confirmed: UInt64 = 0
    try withExtendedLifetime(Writer("\(directory)/state")) { writer in
        try occupy(ballast)
        var failure: StorageError?
        while failure == nil, writer.count < 100_000 {
            var isAnswered = false
            writer.write { result in
                isAnswered = true
                switch result {
                case .success(let token): confirmed = token.value
                case .failure(let error): failure = error
                }
            }
            guard writer.loop.run(within: .seconds(10), until: { isAnswered }) else { exit(72) }
        }
        guard case .failed(let error) = failure, error.name == "ENOSPC" else { exit(73) }
        // There is room again, but nobody knows what is on disk: this life must write no more.
        try Files.remove(ballast)
        writer.write { result in
            guard case .failure(.closedByFailure) = result else { exit(74) }
            writer.isDone = true
        }
        guard writer.loop.run(within: .seconds(10), until: { writer.isDone }) else { exit(75) }
    }
    let next = try Writer("\(directory)/state")
    var expected = Expected()
    expected.advance(to: next.count)
    guard next.count >= confirmed, next.pending == expected.state else { exit(76) }
    print("confirmed \(confirmed), found \(next.count)")
}

/// As an agent that has given its disk up.
func hang() throws {
    let loop = try Loop()
    let queue = FileQueue(loop)
    let beginning = Atomic<Bool>(false)
    queue.run({
        beginning.store(true, ordering: .releasing)
        while true { pause() }
    }) { (_: Result<Void, UVError>) in }
    guard loop.run(within: .seconds(10), until: { beginning.load(ordering: .acquiring) }) else {
        exit(77)
    }
    csystem_exit_at_latest(6, 1)
    loop.close()
    exit(78)
}

let words = CommandLine.arguments.dropFirst()
guard words.count == 2, let verb = words.first, let directory = words.last else { exit(64) }
do {
    switch verb {
    case "fill": try fill(directory)
    case "hang": try hang()
    default: try writeForEver(directory)
    }
} catch {
    print("\(error)")
    exit(69)
}
