// A Python with SGLang, where there is none: the agent takes it for the real one. Engines are rehearsal
// engines; the benchmark writes its arguments down and a result of our own; the router can be missing.

import EventLoop

/// An interpreter in a directory.
struct StandInPython {
    let directory: String
    var program: String { "\(directory)/python" }

    /// - Throws: when it cannot be written.
    init(in directory: String, hasRouter: Bool = true) throws {
        self.directory = directory
        try Files.makeDirectories(directory, permissions: 0o700)
        try Files.replace(program, with: Array(script.utf8), permissions: 0o700)
        try setTPOT("12.5")
        if hasRouter { try installRouter() }
    }

    /// What its SGLang has against every command; nil where it understands them.
    func setRefusal(_ text: String?) throws {
        let file = "\(directory)/refusal"
        if let text {
            try Files.replace(file, with: Array(text.utf8))
        } else {
            try Files.remove(file)
        }
    }

    /// What the last preflight was given, word by word.
    var preflightWords: [String] { words(of: "preflight") }

    func installRouter() throws {
        try Files.replace("\(directory)/sglang_router", with: [])
    }

    /// The mean that the benchmark finds, in milliseconds.
    func setTPOT(_ milliseconds: String) throws {
        let result = """
            {"completed": 1, "duration": 2.5, "total_input_tokens": 65536, "total_output_tokens": 1024, \
            "mean_ttft_ms": 900.5, "median_ttft_ms": 900.5, "p99_ttft_ms": 900.5, \
            "mean_tpot_ms": \(milliseconds), "median_tpot_ms": 12, "p99_tpot_ms": 14, \
            "mean_itl_ms": 12, "median_itl_ms": 12, "p99_itl_ms": 30, "concurrency": 0.9, \
            "accept_length": null}

            """
        try Files.replace("\(directory)/result", with: Array(result.utf8))
    }

    /// What the benchmark was started with.
    var benchmarkArguments: [String] { words(of: "arguments") }

    private func words(of file: String) -> [String] {
        let text = String(
            decoding: (try? Files.read("\(directory)/\(file)")) ?? [], as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    /// A profile that is served by this Python.
    func profile(extending name: String) -> String {
        let router = """

            router:
              command: [\(program), -m, sglang_router.launch_router]
            """
        return """
            profile: with-a-python
            extends: [\(name)]
            published: {heading: "", category: "", deploy_mode: "", dataset: "", tpot: 20ms, configuration: ""}
            command: [\(program), -m, sglang.launch_server]
            source: []\(name == Topology.mixed.rawValue ? "" : router)

            """
    }

    private var script: String {
        """
        #!/bin/sh
        # Stands in for python3 with sglang and sglang-router.
        here=\(directory)
        case "$1 $2" in
        "-c "*sglang_router*) if [ -e "$here/sglang_router" ]; then exit 0; else exit 3; fi ;;
        "-c "*glm-preflight*)
            echo "glm-preflight $(cat "$here/refusal" 2>/dev/null)"
            printf '%s\\n' "$@" "HCCL_BUFFSIZE=${HCCL_BUFFSIZE:-}" > "$here/preflight"
            exit 0 ;;
        "-c "*) echo 0.5.12 ; exit 0 ;;
        "-m sglang.bench_serving")
            printf '%s\\n' "$@" > "$here/arguments"
            echo "Starting benchmark"
            while [ $# -gt 0 ]; do
                if [ "$1" = --output-file ]; then cat "$here/result" >> "$2"; fi
                shift
            done
            exit 0 ;;
        "-m sglang_router.launch_router") echo "the router of the stand-in" ;;
        esac
        exec \(Command.program) rehearsal-engine python3 "$@"

        """
    }
}
