// One role's arguments against its shape and against each other.

import Base

struct RoleValidation {
    let profile: Profile
    let role: RoleProfile
    /// Reports at a field; `causes` are others that take part in the violation.
    let reportAt: (_ path: [String], _ message: String, _ causes: [[String]]) -> Void

    private func report(_ path: [String], _ message: String, because causes: [[String]] = []) {
        reportAt(path, message, causes)
    }

    private static let tensor = ["--tp-size", "--tp", "--tensor-parallel-size"]
    static let pipeline = ["--pp-size", "--pp", "--pipeline-parallel-size"]
    static let data = ["--attn-dp-size", "--dp-size", "--dp", "--data-parallel-size"]
    private static let context = ["--attn-cp-size", "--attention-context-parallel-size"]
    private static let transfer = "--disaggregation-transfer-backend"
    private static let storeURL = "ASCEND_MF_STORE_URL"
    private static let moeDense = ["--moe-dense-tp-size", "--moe-dense-tp"]

    func check() {
        checkShape()
        checkMultipleNodes()
        checkParallelism()
        checkMode()
        checkStore()
        if let served = argument(["--served-model-name"])?.values.first, served.contains(":") {
            report(path("--served-model-name"), "expected a name without \":\"")
        }
    }

    /// Every rank has one device. Data parallel replicas are ranks of their own, unless they share
    /// the tensor parallel ranks by DP attention.
    private func checkShape() {
        guard let tensor = size(Self.tensor), let pipeline = size(Self.pipeline),
            let data = size(Self.data)
        else { return }
        let devices = role.devices.devices(ofGroup: 0).count
        let replicas = usesDPAttention ? 1 : data
        let ranks = tensor * pipeline * replicas
        if ranks != role.nodes * devices {
            let product = "tp \(tensor) x pp \(pipeline)" + (replicas > 1 ? " x dp \(data)" : "")
            report(
                path(flag(Self.tensor)),
                "expected one rank for each device: \(product) is \(ranks) ranks, "
                    + "\(role.nodes) nodes of \(devices) have \(role.nodes * devices) devices",
                because: [field("nodes"), field("devices")]
                    + [Self.pipeline, Self.data, ["--enable-dp-attention"]].map { path(flag($0)) })
        }
        if let stated = number(["--nnodes"]), stated != role.nodes {
            report(
                path("--nnodes"), "expected {nodes}, which is \(role.nodes), found \(stated)",
                because: [field("nodes")])
        }
    }

    private func checkMultipleNodes() {
        guard role.nodes > 1 else { return }
        let needed = [
            (["--nnodes"], "{nodes}"), (["--node-rank"], "{rank}"),
            (["--dist-init-addr", "--nccl-init-addr"], "{dist_init}"),
        ]
        for (names, value) in needed where argument(names) == nil {
            report(
                path(), "expected \(names[0]) \(value): \(role.nodes) nodes cannot meet without it",
                because: names.map { path($0) } + [field("nodes")])
        }
    }

    private func checkParallelism() {
        guard let tensor = size(Self.tensor), let pipeline = size(Self.pipeline),
            let data = size(Self.data), let context = size(Self.context)
        else { return }
        if data > 1, role.nodes > 1, !usesDPAttention {
            report(
                path(flag(Self.data)),
                "expected --enable-dp-attention too: \(data) data parallel ranks over "
                    + "\(role.nodes) nodes need it",
                because: [path("--enable-dp-attention"), field("nodes")])
        }
        let divisor = (usesDPAttention ? data : 1) * context
        if tensor % divisor != 0 {
            report(
                path(flag(Self.tensor)),
                "expected a multiple of dp x attention cp, \(divisor), found \(tensor)",
                because: [Self.data, Self.context].map { path(flag($0)) })
        }
        if context > 1, role.role == .decode {
            report(path(flag(Self.context)), "expected no context parallelism: decode refuses it")
        }
        if pipeline > 1, argument(["--speculative-algorithm"]) != nil {
            report(
                path("--speculative-algorithm"),
                "expected no speculative decoding: pipeline stages refuse it",
                because: [path(flag(Self.pipeline))])
        }
        if let dense = number(Self.moeDense), dense != 1 {
            report(path(flag(Self.moeDense)), "expected 1, found \(dense)")
        }
    }

    private func checkMode() {
        let mode = argument(["--disaggregation-mode"])?.values.first
        let expected = role.role == .mixed ? nil : role.role.rawValue
        guard mode != expected else { return }
        let what = expected.map { "expected --disaggregation-mode \($0)" }
        report(
            path("--disaggregation-mode"),
            (what ?? "expected no --disaggregation-mode in a mixed role")
                + (mode.map { ", found \($0)" } ?? ""))
    }

    /// Memfabric moves the cache between prefill and decode, and finds its ranks by a store that
    /// prefill serves; the other backends have no such store.
    private func checkStore() {
        guard role.role != .mixed, argument([Self.transfer])?.values.first == "ascend" else {
            return
        }
        let needs = "\(Self.transfer) ascend needs"
        if profile.store == nil {
            report(
                path(Self.transfer), "expected store: {port: 24670} too: \(needs) a store",
                because: [["store"], ["store", "port"]])
        }
        let url = profile.environment(of: role).last { $0.name == Self.storeURL }?.value ?? ""
        if url.isEmpty {
            report(
                path(Self.transfer),
                "expected the variable \(Self.storeURL): \"tcp://{store}\" too: \(needs) it",
                because: [["environment", Self.storeURL], field("environment", Self.storeURL)])
        }
    }

    // MARK: Arguments

    private var usesDPAttention: Bool { argument(Array(Profile.dpAttention)) != nil }

    private func argument(_ names: [String]) -> Argument? {
        profile.arguments(of: role).first { names.contains($0.flag) }
    }

    /// The spelling that the profile uses.
    private func flag(_ names: [String]) -> String {
        argument(names)?.flag ?? names[0]
    }

    /// The number that a flag is given; nil where it is absent or only the plan knows it.
    private func number(_ names: [String]) -> Int? {
        argument(names)?.values.first.flatMap { Int($0) }
    }

    /// A parallel size, 1 where it is not given; nil, and reported, where it is no size.
    private func size(_ names: [String]) -> Int? {
        guard let argument = argument(names) else { return 1 }
        if argument.values.count == 1, let size = Int(argument.values[0]),
            (1...65536).contains(size)
        {
            return size
        }
        report(path(argument.flag), "expected an integer from 1 to 65536")
        return nil
    }

    private func path(_ flag: String? = nil) -> [String] {
        field("arguments") + (flag.map { [$0] } ?? [])
    }

    /// A field of the role.
    private func field(_ names: String...) -> [String] {
        ["roles", role.role.rawValue] + names
    }
}
