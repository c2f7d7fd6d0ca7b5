// How long a prefill group must be silent until decode has noticed.

import Base
import Testing

@testable import Profiles

@Suite struct DecodePatienceTests {
    @Test(arguments: [
        ("", 12_500),
        ("SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL: 10", 25_000),
        ("SGLANG_DISAGGREGATION_HEARTBEAT_MAX_FAILURE: 4", 22_500),
        // SGLang takes no shorter interval than two seconds, and one failure at least.
        (
            "SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL: 0.5, "
                + "SGLANG_DISAGGREGATION_HEARTBEAT_MAX_FAILURE: 0", 3000
        ),
        ("SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL: soon", 12_500),
    ])
    func `decode's environment tells`(environment: String, milliseconds: Int) throws {
        let profile = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-1p1d-32p-in64k-out1k-50ms"
        ).applying(
            ProfileOverrides(
                "roles: {decode: {environment: {\(environment)}}}", file: "test"))
        #expect(profile.decodePatience == .milliseconds(milliseconds))
    }
}
