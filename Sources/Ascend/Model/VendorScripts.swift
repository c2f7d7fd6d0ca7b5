// Where CANN's own script lies: in one tree up to 8.3, in another from 8.5 on. A profile names one of them, and
// on a node with the other that one is meant.

public enum VendorScripts {
    /// The newer layout first.
    public static let cann = [
        "/usr/local/Ascend/cann/set_env.sh", "/usr/local/Ascend/ascend-toolkit/set_env.sh",
    ]

    /// Where to look for a script that a profile names, in this order.
    public static func places(of script: String) -> [String] {
        cann.contains(script) ? [script] + cann.filter { $0 != script } : [script]
    }
}
