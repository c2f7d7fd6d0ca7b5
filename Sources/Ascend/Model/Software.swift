// What is installed. A group works only where these are equal on every node of it.

/// One CANN toolkit of this node.
public struct CANNInstallation: Hashable, Sendable {
    public let version: Fact<String>
    /// The build; nil where the layout does not tell it.
    public let innerVersion: String?
    /// Where it lies.
    public let home: String
    /// The script that puts it into an environment; nil where there is none.
    public let environmentScript: String?

    public init(
        version: Fact<String>, innerVersion: String?, home: String, environmentScript: String?
    ) {
        self.version = version
        self.innerVersion = innerVersion
        self.home = home
        self.environmentScript = environmentScript
    }
}

/// The versions of everything that ranks must share.
public struct SoftwareVersions: Hashable, Sendable {
    public let driver: Fact<String>
    public let firmware: Fact<String>
    /// In the order in which an engine would find them: the first is the one in use.
    public let cann: [CANNInstallation]
    public let hccl: Fact<String>
    public let nnal: Fact<String>
    /// The interpreter as `python` first, then ``PythonPackages/names``.
    public let python: Fact<[PackageVersion]>

    public init(
        driver: Fact<String>, firmware: Fact<String>, cann: [CANNInstallation],
        hccl: Fact<String>, nnal: Fact<String>, python: Fact<[PackageVersion]>
    ) {
        self.driver = driver
        self.firmware = firmware
        self.cann = cann
        self.hccl = hccl
        self.nnal = nnal
        self.python = python
    }

    /// The version of a Python package; nil where it is not installed or not known.
    public func package(_ name: String) -> String? {
        python.value?.first { $0.name == name }?.version
    }
}
