// The samples under Fixtures/: outputs of the vendor's tools, in their form, with numbers made up.

import Glibc
import Testing

/// The text of a sample.
func fixture(_ name: String) throws -> String {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let stream = try #require(fopen("/\(folder)/Fixtures/\(name).txt", "r"), "\(name)")
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var byte = fgetc(stream)
    while byte != EOF {
        bytes.append(UInt8(truncatingIfNeeded: byte))
        byte = fgetc(stream)
    }
    return String(decoding: bytes, as: UTF8.self)
}
