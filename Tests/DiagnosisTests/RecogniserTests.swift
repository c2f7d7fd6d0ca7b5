// Lines in the vendors' forms, and what is read from them.

import Diagnosis
import Testing

@Suite struct RecogniserTests {
    private static let now: Int64 = 1_900_000_000_000_000

    static func read(
        _ text: String, shape: EngineShape? = nil, from earliest: Int64 = 0,
        until latest: Int64 = now
    ) -> [Sighting] {
        var reader = EngineLogReader(shape: shape)
        reader.read(Array(text.utf8), within: TimeSpan(earliest: earliest, latest: latest))
        return reader.sightings
    }

    /// A line and the kind that it must be taken for.
    struct Case: Sendable, CustomTestStringConvertible {
        let line: String
        let kind: String
        var testDescription: String { "\(kind): \(line)" }

        init(_ kind: String, _ line: String) {
            self.kind = kind
            self.line = line
        }
    }

    private static let plog = "[ERROR] HCCL(812,python3):2026-05-06-07:08:09.101.202 [a.cc:1] [9]"
    private static let scheduler = "[2026-05-06 07:08:09 DP0 TP1 EP1]"

    static let cases =
        [
            "EI0001", "EI0002", "EI0003", "EI0005", "EI0006", "EI0007", "EI0008", "EI0009",
            "EI0010", "EI0012", "EI0013", "EI0015", "EI0016", "EI0019", "EI0020",
        ].map { Case($0, "RuntimeError: [PID: 77] \($0): something about it.") }
        + ["EI0004", "EI0014", "EI0017"].map { Case("rank-table", "\($0): a table") }
        + [
            Case("EI0007", "EI0011: no more notifies"), Case("EI0019", "EJ0003: bind failed"),
            Case("EI0006", "\(plog)[Wait][Link]wait socket establish timeout, role[1] rank[4]"),
            Case("EI0006", "\(plog) ____LINK_ERROR_INFO____"),
            Case(
                "EI0006",
                "\(plog) | 10.9.8.7(3) | 16666 | 10.9.8.6(0) | 0 | client | time out | X |"),
            Case("EI0015", "\(plog)[Detect]topo exchange server get socket timeout! timeout[60 s]"),
            Case("EI0015", "\(plog) total connected num is [12],line num is [1]"),
            Case("EI0015", "\(plog) connected rankinfo[LINE 0]: [00],[01];"),
            Case("EI0015", "\(plog) fault_info[\"Failed to connect agent[5,6,]\"]"),
            Case(
                "heartbeat-lost",
                "\(plog)Cluster Exception Location[IP/ID]:[10.9.8.7/3], ExceptionType:[Heartbeat Lost "
                    + "Occurred], Possible Reason:1"),
            Case(
                "stuck",
                "\(plog)Cluster Exception Location[IP/ID]:[10.9.8.7/3], ExceptionType:[Stuck Occurred]"
            ),
            Case("host-interface", "\(plog) get host ip fail by socket Ifname[eth7]"),
            Case(
                "stream-timeout",
                "[ERROR] 2026-05-06-07:08:09 (PID:7, Device:3, RankID:19) "
                    + "ERR00100 PTA call acl api failed, error code is 507011"),
            Case("stream-timeout", "aclrtSynchronizeStream failed, error code is 507046"),
            Case("stream-timeout", "aclrtSynchronizeStream failed, error code is 507048"),
            Case("die-exception", "NPU function error: sync, error code is 507015"),
            Case("die-exception", "NPU function error: sync, error code is 507018"),
            Case(
                "npu-memory", "torch.OutOfMemoryError: NPU out of memory. Tried to allocate 1 GiB"),
            Case("npu-memory", "RuntimeError: Not enough memory. Please try to increase X"),
            Case("host-memory", "DefaultCPUAllocator: can't allocate memory: you tried"),
            Case("space", "OSError: [Errno 28] No space left on device"),
            Case("transfer-engine", "\(scheduler) Ascend Transfer Engine initialization failed."),
            Case("worker-ports", "RuntimeError: Failed to receive worker ports from node 0"),
            Case("port-in-use", "ValueError: Port is already in use. dist_init_port=5000"),
            Case("port-in-use", "ERROR: [Errno 98] error while attempting to bind on address"),
            Case("no-dist-init", "ValueError: Empty address string"),
            Case("weights-missing", "RuntimeError: Cannot find any model weights with `/m`"),
            Case("weights-broken", "safetensors_rust.SafetensorError: MetadataIncompleteBuffer"),
            Case("arguments", "launch_server.py: error: unrecognized arguments: --nsa"),
            Case("software", "ModuleNotFoundError: No module named 'memfabric_hybrid'"),
            Case(
                "bootstrap",
                "\(scheduler) Prefill instance failed to register to bootstrap server after 5"),
            Case("meeting", "torch.distributed.DistStoreError: Timed out; 1/2 clients joined."),
            Case("watchdog", "\(scheduler) Scheduler watchdog timeout (self.watchdog_timeout=300)"),
            Case("crashed", "Fatal Python error: Segmentation fault"),
            Case("warmup", "[2026-05-06 07:08:09] Initialization failed. warmup error: x"),
            Case(
                "peer-closed",
                "RuntimeError: [x/gloo/tcp/pair.cc:1] Connection closed by peer [10.1.1.1]"),
            Case(
                "child-failed",
                "[2026-05-06 07:08:09] Received sigquit from a child process. It usually"),
            Case(
                "child-failed", "Rank 0 scheduler is dead. Please check if there are relevant logs."
            ),
        ]

    @Test(arguments: cases) func `a line is recognised`(line: Case) {
        #expect(Self.read(line.line + "\n").map(\.kind) == [line.kind])
    }

    @Test func `every kind can be told, and tells what to do`() {
        for kind in FailureKind.all {
            #expect(FailureKind.named(kind.id) == kind)
            #expect(!kind.title.isEmpty && !kind.meaning.isEmpty && !kind.remedy.isEmpty)
        }
        #expect(FailureKind.named("of-tomorrow").title == "of-tomorrow")
        #expect(Set(FailureKind.all.map(\.id)).count == FailureKind.all.count)
    }

    @Test(arguments: [
        "[2026-05-06 07:08:09 TP0] Decode batch. #running-req: 507011, #token: 207001",
        "[2026-05-06 07:08:09] INFO: 10.0.0.1:9 - \"POST /generate HTTP/1.1\" 200 OK",
        "Port 5003 is already in use, trying port 5004", "", "\u{1B}[0m",
        "[2026-05-06 07:08:09 TP0] error code is 5070112",
    ])
    func `lines of an engine that is well are no sightings`(line: String) {
        #expect(Self.read(line + "\n").isEmpty)
    }

    @Test func `a traceback is known by its last line, and by who began it`() throws {
        let found = Self.read(
            """
            [2026-05-06 07:08:09 PP1 TP3] Scheduler hit an exception: Traceback (most recent call last):
              File "scheduler.py", line 7, in run
                raise MemoryError("NPU out of memory")
                ^^^^^
            torch.OutOfMemoryError: NPU out of memory. Tried to allocate 3.00 GiB
            [2026-05-06 07:08:10] Received sigquit from a child process. It usually means the child failed.

            """, shape: EngineShape(tensorParallel: 4, pipelineParallel: 8, nodes: 2))
        let first = try #require(found.first)
        #expect(found.map(\.kind) == ["npu-memory", "child-failed"])
        #expect(first.worldRank == 7 && first.die == 7)
        #expect(first.line.hasPrefix("torch.OutOfMemoryError"))
        #expect(first.time.latest - first.time.earliest == 999_999)
    }

    @Test func `an exception that nobody knows is told all the same`() {
        let found = Self.read("Traceback (most recent call last):\n  File\nKeyError: 'x'\n")
        #expect(found.map(\.kind) == ["exception"])
        #expect(found.first?.line == "KeyError: 'x'")
    }

    @Test func `the second node's ranks are counted from its first`() {
        let shape = EngineShape(tensorParallel: 32, pipelineParallel: 1, nodes: 2)
        let found = Self.read("[2026-05-06 07:08:09 TP19] EI0020: bound\n", shape: shape)
        #expect(found.first?.worldRank == 19 && found.first?.die == 3)
    }

    @Test func `whom a line blames is read`() {
        let shape = EngineShape(tensorParallel: 32, pipelineParallel: 1, nodes: 2)
        let agents = Self.read("x Failed to connect agent[17,18,] y\n", shape: shape).first?.accused
        #expect(agents == Accused(worldRanks: [17, 18], nodeRank: 1, die: 1))
        let row = Self.read(
            "| 10.9.8.7(20) | 16666 | 10.9.8.6(0) | 0 | server | time out | DISABLE |\n",
            shape: shape
        ).first?.accused
        #expect(row == Accused(worldRanks: [20], nodeRank: 1, die: 4))
        let beat = Self.read("Cluster Exception Location[IP/ID]:[10.9.8.7/3], [Stuck Occurred]\n")
            .first?.accused
        #expect(beat == Accused(worldRanks: [], nodeRank: nil, address: "10.9.8.7", die: 3))
    }

    /// A head and the microseconds of its time within its second; nil where it has none.
    @Test(arguments: [
        ("[2026-05-06 07:08:09] EI0016", 0, 999_999),
        ("[2026-05-06 07:08:09.250 TP1] EI0016", 250_000, 999),
        ("[ERROR] HCCL(1,p):2026-05-06-07:08:09.101.202 EI0016", 101_202, 0),
        ("[ERROR] HCCL(2817,):2026-05-06-07:08:09.101.202 EI0016", 101_202, 0),
        ("[ERROR]HCCL(1,p):2026-05-06-07:08:09.101.202[x]EI0016", 101_202, 0),
        ("[ERROR] 2026-05-06-07:08:09 (PID:7, Device:3, RankID:19) EI0016", 0, 999_999),
        ("[2026-05-06T07:08:09.250Z prefill-node0] EI0016", 250_000, 999),
    ])
    func `the time of a line is as fine as it is written`(line: String, part: Int64, width: Int64) {
        let time = Self.read(line + "\n").first?.time
        #expect(time?.earliest == 1_778_051_289_000_000 + part)
        #expect(time.map { $0.latest - $0.earliest } == width)
    }

    @Test
    func `the zone of the host is taken into account, and a clock that makes no sense is not`() {
        var reader = EngineLogReader()
        let seen = TimeSpan(earliest: 1_778_022_480_000_000, latest: 1_778_022_490_000_000)
        reader.read(
            Array("[2026-05-06 07:08:09] EI0016\n".utf8), within: seen, zone: 8 * 3600)
        #expect(reader.sightings.first?.time.earliest == 1_778_022_489_000_000)
        reader = EngineLogReader()
        reader.read(Array("[2026-05-06 07:08:09] EI0016\n".utf8), within: seen)
        #expect(reader.sightings.first?.time == seen)
    }

    @Test func `a line without a time was written between two looks`() {
        let found = Self.read("EI0016\n", from: 500, until: 900)
        #expect(found.first?.time == TimeSpan(earliest: 500, latest: 900))
    }

    @Test func `a log that never ends saying so is bounded, and its causes stay`() {
        var text = "[2026-05-06 07:08:09 TP0] EI0016: tls\n"
        for minute in 10..<50 {
            text += "[2026-05-06 08:\(minute):09 TP0] Connection reset by peer\n"
            text += "[2026-05-06 08:\(minute):09 TP1] Broken pipe\n"
        }
        let found = Self.read(text)
        #expect(found.count == Recogniser.limit)
        #expect(found.first?.kind == "EI0016")
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func `hostile bytes never trap`(seed: UInt64) {
        var generator = Generator(state: seed)
        let words =
            Self.cases.map(\.line) + [
                "Failed to connect agent[", "Cluster Exception Location[IP/ID]:[", "| time out |",
                "[2026-",
                "Traceback (most recent call last):", "[ERROR]", "\r", "\n", "TP", "| 9/",
            ]
        var bytes: [UInt8] = []
        for _ in 0..<60 {
            bytes += Array(words.randomElement(using: &generator)?.utf8 ?? "".utf8)
                .prefix(Int.random(in: 0...80, using: &generator))
            for _ in 0..<Int.random(in: 0...9, using: &generator) {
                bytes.append(UInt8.random(in: 0...255, using: &generator))
            }
        }
        bytes += [UInt8](repeating: 0x41, count: 300_000)
        var reader = EngineLogReader(
            shape: EngineShape(tensorParallel: 4, pipelineParallel: 8, nodes: 2))
        reader.read(bytes, within: TimeSpan(earliest: .min, latest: .max))
        #expect(reader.sightings.count <= Recogniser.limit, "seed \(seed)")
        #expect(reader.sightings.allSatisfy { $0.line.count <= Sighting.lineLimit })
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}
