// The order of driver versions.

import Testing

@testable import Ascend

@Suite struct HDKVersionTests {
    @Test func `versions are in the order in which they came`() throws {
        let texts = ["23.0.7", "24.1.rc1", "24.1.RC2", "24.1.RC3", "24.1.0.3", "25.2.0", "25.5.2"]
        let versions = try texts.map { try #require(HDKVersion($0)) }
        #expect(versions == versions.sorted())
        #expect(Set(versions).count == texts.count)
        #expect(HDKVersion("24.1.rc2")?.description == "24.1.RC2")
        let patch = try #require(HDKVersion("24.1.RC2.1"))
        #expect(patch == HDKVersion("24.1.RC2"))
    }

    @Test(arguments: ["", "25", "V100R001C25", "24.x", "not known"])
    func `what is no version is none`(text: String) {
        #expect(HDKVersion(text) == nil)
    }
}
