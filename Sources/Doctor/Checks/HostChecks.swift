// Checks 11 and 13: what a host gives to its processes, and how its kernel is set.

import Ascend
import Base

extension Diagnosis {
    mutating func checkLimits(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told {
            checkSharedMemory(node, found.inventory.sharedMemoryBytes)
            checkOpenFiles(node, found.inventory.openFiles)
            checkLockedMemory(node, found.inventory.lockedMemory)
            if let text = found.inventory.parameter("fs.inotify.max_user_instances"),
                let instances = Int(text), instances < 512
            {
                report(
                    .limits, .warning, node, "fs.inotify.max_user_instances is \(instances)",
                    remedy: "sysctl -w fs.inotify.max_user_instances=8192")
            }
        }
        return "enough on every node"
    }

    private mutating func checkSharedMemory(_ node: NodeID, _ fact: Fact<Int>) {
        guard let bytes = fact.value else {
            if let gap = fact.gap { report(.limits, node, gap: gap) }
            return
        }
        let gibibytes = bytes >> 30
        guard gibibytes < 64 else { return }
        report(
            .limits, gibibytes < 8 ? .error : .warning, node, "/dev/shm has \(gibibytes) GiB",
            remedy: "mount -o remount,size=128G /dev/shm; in a container, --ipc=host or --shm-size")
    }

    private mutating func checkOpenFiles(_ node: NodeID, _ fact: Fact<ResourceLimit>) {
        guard let limit = fact.value else {
            if let gap = fact.gap { report(.limits, node, gap: gap) }
            return
        }
        guard let soft = limit.soft, soft < 100_000 else { return }
        report(
            .limits, .warning, node, "open files are limited to \(soft)",
            remedy: "LimitNOFILE=1048576 in the agent's unit, or ulimit -n")
    }

    private mutating func checkLockedMemory(_ node: NodeID, _ fact: Fact<ResourceLimit>) {
        guard let limit = fact.value else {
            if let gap = fact.gap { report(.limits, node, gap: gap) }
            return
        }
        guard let soft = limit.soft else { return }
        report(
            .limits, .warning, node, "locked memory is limited to \(soft) bytes",
            remedy: "LimitMEMLOCK=infinity in the agent's unit, or ulimit -l unlimited")
    }

    // MARK: - 13

    mutating func checkSettings(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told {
            checkMachine(node, found.inventory.kernel)
            guard let untuned = found.untuned else {
                checkSettings(node, found.inventory)
                continue
            }
            for setting in untuned {
                report(
                    .settings, setting.isSettable ? .warning : .info, node,
                    "\(setting.wanted): \(setting.found)",
                    remedy: setting.isSettable ? Self.tuningRemedy : "")
            }
        }
        checkHugePages(cluster)
        compare(
            .settings, .info, "kernel",
            cluster.told.compactMap { told in
                told.found.inventory.kernel.release.value.map { (node: told.node, value: $0) }
            }, shown: { $0 }, remedy: "nothing, where both are supported by the driver")
        return "as the publication asks, on no virtual machine"
    }

    /// Neither the publication nor a profile sets them. Unequal nodes are unequally fast.
    private mutating func checkHugePages(_ cluster: ClusterExamination) {
        var values: [(node: NodeID, value: String)] = []
        for (node, found) in cluster.told {
            switch found.inventory.kernel.transparentHugePages {
            case .known(let value): values.append((node, value))
            // A kernel without them.
            case .unknown(let gap) where gap.kind == .notInstalled: values.append((node, "none"))
            case .unknown(let gap): report(.settings, node, gap: gap)
            }
        }
        compare(
            .settings, .warning, "transparent huge pages", values, shown: { $0 },
            remedy: "write one word into /sys/kernel/mm/transparent_hugepage/enabled everywhere")
        for (node, value) in values where value == "never" {
            report(
                .settings, .info, node,
                "transparent huge pages are off: big buffers of the host are slower to walk")
        }
    }

    private static let tuningRemedy =
        "host_tuning: apply in agent.yaml sets what the profile asks for"

    /// What no setting changes.
    private mutating func checkMachine(_ node: NodeID, _ kernel: KernelState) {
        if let release = kernel.release.value, Self.isOld(release) {
            report(
                .settings, .warning, node, "kernel \(release) is older than 5.10",
                remedy: "upgrade it to one that the driver supports")
        }
        switch kernel.virtualization {
        case .known("none"): break
        case .known(let hypervisor):
            report(
                .settings, .warning, node,
                hypervisor == "unnamed"
                    ? "this is a virtual machine, of a hypervisor that gives no name"
                    : "this is a virtual machine (\(hypervisor))",
                remedy:
                    "run on the machine itself: the fabric and the pinning of threads are not what they "
                    + "seem under a hypervisor")
        case .unknown(let gap): report(.settings, node, gap: gap)
        }
    }

    private mutating func checkSettings(_ node: NodeID, _ inventory: NodeInventory) {
        let remedy = Self.tuningRemedy
        switch inventory.kernel.governors {
        case .known(let governors) where governors != ["performance"]:
            report(
                .settings, .warning, node,
                "CPU governor is \(governors.joined(separator: ", "))",
                remedy: "\(remedy); or cpupower frequency-set -g performance")
        case .known: break
        case .unknown(let gap) where gap.kind == .notInstalled:
            report(.settings, .info, node, "no CPU here has a governor: nothing can be set")
        case .unknown(let gap): report(.settings, node, gap: gap)
        }
        for (name, limit) in [("vm.swappiness", 10), ("kernel.numa_balancing", 0)] {
            guard let text = inventory.parameter(name), let value = Int(text) else {
                report(.settings, .unknown, node, "\(name) cannot be read")
                continue
            }
            if value > limit {
                report(
                    .settings, .warning, node, "\(name) is \(value)",
                    remedy: "\(remedy); or sysctl -w \(name)=0")
            }
        }
    }

    private static func isOld(_ release: String) -> Bool {
        let numbers = release.split { !$0.isASCII || !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) < (5, 10)
    }
}

extension NodeInventory {
    fileprivate func parameter(_ name: String) -> String? {
        kernel.parameters.first { $0.name == name }?.value
    }
}
