// The nine published deployments, as files in the profile format that are built into the binary.

import YAML

/// The profiles that come with the program.
public enum ProfileCatalog {
    /// The names in the order of the published table: low latency, then high throughput.
    public static let names = deployments.map(\.name)

    /// What the published profiles share; not deployments themselves.
    public static let baseNames = bases.map(\.name)

    private static var deployments: [(name: String, bytes: [UInt8])] {
        [
            (
                "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms",
                PackageResources.glm_5_1_w4a8_1p1d_32p_in64k_out1k_20ms_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-in65k-out1k5-prefix90-25ms",
                PackageResources.glm_5_1_w4a8_1p1d_32p_in65k_out1k5_prefix90_25ms_yaml
            ),
            (
                "glm-5.1-w4a8-16p-in3k5-out1k5-50ms",
                PackageResources.glm_5_1_w4a8_16p_in3k5_out1k5_50ms_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-in128k-out1k",
                PackageResources.glm_5_1_w4a8_1p1d_32p_in128k_out1k_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-in16k-out1k-50ms",
                PackageResources.glm_5_1_w4a8_1p1d_32p_in16k_out1k_50ms_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-in64k-out1k-50ms",
                PackageResources.glm_5_1_w4a8_1p1d_32p_in64k_out1k_50ms_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms",
                PackageResources.glm_5_1_w4a8_1p1d_48p_in65k_out1k5_prefix100_33ms_yaml
            ),
            (
                "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms",
                PackageResources.glm_5_1_w4a8_2p1d_48p_in128k_out1k_prefix90_50ms_yaml
            ),
            (
                "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms",
                PackageResources.glm_5_1_w4a8_4p1d_48p_in64k_out1k_prefix90_50ms_yaml
            ),
        ]
    }

    private static var bases: [(name: String, bytes: [UInt8])] {
        [
            (
                "glm-5.1-w4a8",
                PackageResources.glm_5_1_w4a8_yaml
            ),
            (
                "glm-5.1-w4a8-pd",
                PackageResources.glm_5_1_w4a8_pd_yaml
            ),
            (
                "glm-5.1-w4a8-pd-nextn",
                PackageResources.glm_5_1_w4a8_pd_nextn_yaml
            ),
            (
                "glm-5.1-w4a8-pd-pipeline",
                PackageResources.glm_5_1_w4a8_pd_pipeline_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-pipeline",
                PackageResources.glm_5_1_w4a8_1p1d_32p_pipeline_yaml
            ),
            (
                "glm-5.1-w4a8-1p1d-32p-data-parallel",
                PackageResources.glm_5_1_w4a8_1p1d_32p_data_parallel_yaml
            ),
        ]
    }

    /// The published profiles, in the order of `names`.
    public static let published: [Profile] = names.map { name in
        do {
            return try profile(named: name)
        } catch {
            fatalError("a name of the table is in no file: \(error)")
        }
    }

    /// A published profile.
    ///
    /// - Throws: ``UnknownProfile`` with the nearest known name.
    public static func profile(named name: String) throws(UnknownProfile) -> Profile {
        guard names.contains(name), let text = text(named: name) else {
            throw UnknownProfile(name: name)
        }
        do {
            return try Profile.parse(text, file: "\(name).yaml")
        } catch {
            fatalError("the built-in profile \(name) does not read: \(error)")
        }
    }

    /// The file of a published profile or of a base; nil where there is none of that name.
    public static func text(named name: String) -> String? {
        (deployments + bases).first { $0.name == name }.map { entry in
            String(decoding: entry.bytes, as: UTF8.self)
        }
    }
}

/// There is no published profile of that name.
public struct UnknownProfile: Error, Hashable, Sendable, CustomStringConvertible {
    public let name: String

    /// What is known instead: the nearest name, those that contain the words, or all.
    public var description: String {
        let known = ProfileCatalog.names
        let unknown = "unknown profile \"\(name)\""
        let similar = known.filter { $0.contains(name.lowercased()) }
        // One or two letters are in most names.
        guard name.count > 2, !similar.isEmpty, nearestName(to: name, in: known) == nil else {
            return unknown + suggestion(for: name, in: known)
        }
        return "\(unknown); these have it in their names: \(similar.joined(separator: ", "))"
    }
}
