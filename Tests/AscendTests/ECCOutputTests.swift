// The counters of memory errors, in the forms that versions print.

import Testing

@testable import Ascend

@Suite struct ECCOutputTests {
    @Test func `counts are told by the words in their names`() throws {
        #expect(
            try NPUOutput.ecc(fixture("ecc-a3"))
                == ECCCounts(
                    corrected: 4, uncorrected: 2, uncorrectedEver: 5, isolatedPages: 3))
    }

    @Test func `those of several memories are added, and what a version leaves out is not known`()
        throws
    {
        let text = """
            DDR Single Bit Error Count : 1
            DDR Double Bit Error Count : 2
            HBM Single Bit Error Count : 10
            HBM Double-bit Error Count : 20
            HBM Double Bit Isolated Pages Count : NA
            """
        #expect(
            try NPUOutput.ecc(text)
                == ECCCounts(
                    corrected: 11, uncorrected: 22, uncorrectedEver: nil, isolatedPages: nil))
    }

    @Test(arguments: ["", "This device does not support", "HBM Double Bit Error Count : NA"])
    func `what has no count is not taken for none`(text: String) {
        #expect(throws: ParseError.self) { try NPUOutput.ecc(text) }
    }
}
