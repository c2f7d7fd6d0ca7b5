import Testing
import YAML

@testable import Profiles

@Suite struct AscendValidationTests {
    private func changed(_ environment: String) throws -> Profile {
        let name = ProfileCatalog.names[0]
        return try ProfileCatalog.profile(named: name).applying(
            ProfileOverrides("environment: {\(environment)}", file: "node.yaml"))
    }

    @Test(arguments: [
        ("HCCL_SOCKET_TFNAME: =eth0", "did you mean \"HCCL_SOCKET_IFNAME\"?"),
        ("PYTORCH_NPU_ALLOC_CONF2: x", nil),
        ("ASCEND_LAUNCH_BLOKING: 1", "did you mean \"ASCEND_LAUNCH_BLOCKING\"?"),
        ("HCCL_CONNECT_TIMEOUT: 60", "expected an integer from 120 to 7200"),
        ("HCCL_CONNECT_TIMEOUT: 600", nil),
        ("HCCL_SOCKET_IFNAME: eth0", "expected =eth0"),
        ("HCCL_SOCKET_IFNAME: \"^docker\"", nil),
        ("GLOO_SOCKET_IFNAME: =eth0", "expected the name alone"),
        ("HCCL_OP_EXPANSION_MODE: AIV, HCCL_EXEC_TIMEOUT: 0", "takes 0 for 1091"),
        ("HCCL_EXEC_TIMEOUT: 0", nil),
        ("HCCL_RDMA_TC: 133", "a multiple of 4"),
        ("HCCL_HOST_SOCKET_PORT_RANGE: 61000-60000", "expected auto, or ports"),
        ("HCCL_HOST_SOCKET_PORT_RANGE: 61000-61031", nil),
        ("HCCL_HOST_SOCKET_PORT_RANGE: auto, HCCL_IF_BASE_PORT: 61000", "wins"),
        ("ASCEND_RT_VISIBLE_DEVICES: \"0, 1\"", "ascending device numbers"),
        ("ASCEND_RT_VISIBLE_DEVICES: \"0,10,2\"", "ascending device numbers"),
        ("HCCL_INTRA_PCIE_ENABLE: 1", "A3 does not support it"),
        ("HCCL_RDMA_SL: \"{rank}\"", "the same on every rank"),
        ("HCCL_HOST_SOCKET_PORT_RANGE: 7590-7610", "meet on port 7600"),
    ])
    func `a variable that HCCL would misread is told with its place`(
        environment: String, message: String?
    ) throws {
        guard let message else {
            _ = try changed(environment)
            return
        }
        let error = #expect(throws: ConfigurationError.self) { try changed(environment) }
        let text = error?.description ?? ""
        #expect(text.contains(message), "\(text)")
        if !message.hasPrefix("meet") { #expect(text.contains("node.yaml:1:"), "\(text)") }
    }

    @Test(arguments: ProfileCatalog.names)
    func `only the address of HCCL differs between the ranks of a group`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        for role in profile.roles {
            let hccl = profile.hccl(of: role)
            let own = hccl.variables.filter { $0.value.contains("{address}") }
            #expect(own.map(\.name) == ["HCCL_IF_IP"])
            #expect(hccl.connectTimeout == .seconds(120))
            #expect(hccl.execTimeout == .seconds(1836))
            #expect(hccl.hostPorts == [60000...60031])
            #expect(hccl.bufferMegabytes >= 200)
        }
    }

    @Test func `settings are typed`() throws {
        let profile = try changed(
            "HCCL_OP_EXPANSION_MODE: AIV, HCCL_HOST_SOCKET_PORT_RANGE: \"61000-61031,62000\"")
        let hccl = profile.hccl(of: profile.roles[0])
        #expect(hccl.expansionMode == .aiVector)
        #expect(hccl.execTimeout == .seconds(1091))
        #expect(hccl.hostPorts == [61000...61031, 62000...62000])
    }
}
