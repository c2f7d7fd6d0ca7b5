// The environment of a role against what HCCL and CANN read: names, forms, and the combinations
// that look right and are not.

import Base
import YAML

struct AscendValidation {
    let profile: Profile
    let role: RoleProfile
    /// Reports at a variable of this role.
    let report: (_ name: String, _ message: String) -> Void

    private var values: [String: String] {
        Dictionary(profile.environment(of: role).map { ($0.name, $0.value) }) { _, last in last }
    }

    func check() {
        for variable in profile.environment(of: role) {
            checkName(variable.name)
            checkAgreement(variable)
            checkForm(variable)
        }
        checkTraps(values)
    }

    private func checkName(_ name: String) {
        guard AscendVariable.prefixes.contains(where: { name.hasPrefix($0) }),
            AscendVariable.named(name) == nil
        else { return }
        report(name, "unknown variable\(suggestion(for: name, in: AscendVariable.names))")
    }

    /// Only the node's own interface and address may differ between the ranks of a group.
    private func checkAgreement(_ variable: NamedValue) {
        guard HCCLConfiguration.isOurs(variable.name), variable.name != "HCCL_IF_IP" else { return }
        for name in Template(variable.value).placeholders where ["address", "rank"].contains(name) {
            report(variable.name, "expected no {\(name)}: it must be the same on every rank")
        }
    }

    private func checkForm(_ variable: NamedValue) {
        let isKnownLater = !Template(variable.value).placeholders.isEmpty
        guard let known = AscendVariable.named(variable.name) else { return }
        switch known.form {
        case .selectors, .interfaces: break
        default: if isKnownLater { return }
        }
        if let complaint = known.complaint(variable.value) { report(variable.name, complaint) }
    }

    private func checkTraps(_ values: [String: String]) {
        if values["HCCL_OP_EXPANSION_MODE"] == "AIV",
            let limit = values["HCCL_EXEC_TIMEOUT"].flatMap({ Int($0) }),
            !(1...1091).contains(limit)
        {
            report(
                "HCCL_EXEC_TIMEOUT",
                "expected 1 to 1091 with HCCL_OP_EXPANSION_MODE AIV, which takes \(limit) for 1091")
        }
        if values["HCCL_IF_BASE_PORT"] != nil, values["HCCL_HOST_SOCKET_PORT_RANGE"] != nil {
            report(
                "HCCL_IF_BASE_PORT",
                "expected it absent: HCCL_HOST_SOCKET_PORT_RANGE is set too and wins")
        }
        if values["HCCL_WHITELIST_DISABLE"] == "0", values["HCCL_WHITELIST_FILE"] == nil {
            report("HCCL_WHITELIST_DISABLE", "expected HCCL_WHITELIST_FILE too")
        }
        if values["HCCL_INTRA_PCIE_ENABLE"] != nil, profile.hardware.hasSuffix("A3") {
            report("HCCL_INTRA_PCIE_ENABLE", "expected it absent: A3 does not support it")
        }
        if let name = values["HCCL_LOGIC_SUPERPOD_ID"], name.utf8.count >= 128 {
            report("HCCL_LOGIC_SUPERPOD_ID", "expected fewer than 128 characters")
        }
    }
}
