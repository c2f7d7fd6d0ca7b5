// The rendered scripts do what the launch specs say: they are run by a real bash, with stand-ins for
// every program that they call, so that nothing of this machine is tuned or started.

import Base
import Glibc
import Planning
import Profiles
import Testing

@Suite(.serialized) struct ScriptTests {
    @Test(arguments: ProfileCatalog.names)
    func `a rendered script starts exactly the launch specs of its node`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        let fixture = try PublishedFixture(profile.name)
        let plan = try fixture.plan(profile)
        let rendered = RenderedPlan(
            profile: profile, modelPath: fixture.model, plan: plan, interface: { _ in "eth9" })
        #expect(rendered.scripts.map(\.node) == fixture.candidates.map(\.node))
        let bench = try ScriptBench()
        defer { bench.remove() }
        for script in rendered.scripts {
            for group in plan.groups {
                guard let rank = group.rank(of: script.node) else { continue }
                let spec = LaunchSpec.make(
                    profile: profile, modelPath: fixture.model, plan: plan, group: group.name,
                    rank: rank, interface: "eth9")
                try bench.run(script.text, part: group.name.name, expecting: [spec])
            }
        }
    }

    @Test func `without a part a script starts everything of its node`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let fixture = try PublishedFixture(profile.name)
        let plan = try fixture.plan(profile)
        let rendered = RenderedPlan(
            profile: profile, modelPath: fixture.model, plan: plan, interface: { _ in "eth9" })
        let bench = try ScriptBench()
        defer { bench.remove() }
        let specs = [GroupName("prefill-0"), GroupName("router")].map { group in
            LaunchSpec.make(
                profile: profile, modelPath: fixture.model, plan: plan, group: group,
                rank: .master, interface: "eth9")
        }
        try bench.run(rendered.scripts[0].text, part: "", expecting: specs)
        let log = bench.tuningLog
        #expect(log.contains("sysctl -w vm.swappiness=0\n"))
        #expect(log.contains("sysctl -w kernel.sched_migration_cost_ns=50000\n"))
        #expect(log.contains("tee performance\n"))
    }

    @Test(arguments: ["cann", "ascend-toolkit"])
    func `a script sources CANN's files where they are, in either layout`(layout: String) throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let fixture = try PublishedFixture(profile.name)
        let plan = try fixture.plan(profile)
        let rendered = RenderedPlan(
            profile: profile, modelPath: fixture.model, plan: plan, interface: { _ in "eth9" })
        let spec = LaunchSpec.make(
            profile: profile, modelPath: fixture.model, plan: plan, group: GroupName("prefill-0"),
            rank: .master, interface: "eth9")
        let bench = try ScriptBench(layout: layout)
        defer { bench.remove() }
        try bench.run(rendered.scripts[0].text, part: "prefill-0", expecting: [spec])
        #expect(bench.log == "", "nothing is missed: \(bench.log)")
    }

    @Test func `host tuning can be skipped, and an unknown part is refused`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[2])
        let fixture = try PublishedFixture(profile.name)
        let rendered = RenderedPlan(
            profile: profile, modelPath: fixture.model, plan: try fixture.plan(profile),
            interface: { _ in "eth9" })
        let bench = try ScriptBench()
        defer { bench.remove() }
        #expect(
            try bench.execute(
                rendered.scripts[1].text, part: "", settings: "GLM_AGENT_HOST_TUNING=skip") == 0)
        #expect(bench.tuningLog == "")
        #expect(try bench.execute(rendered.scripts[1].text, part: "decode-7", settings: "") == 64)
    }

    @Test(arguments: ["plain", "two words", "it's", "$HOME `x` \"y\" \\", "", "a\nb", "*?[", "~"])
    func `every word reaches the program as it stands in the profile`(word: String) throws {
        let base = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        var profile = base
        profile.roles[0].arguments.append(Argument("--odd", [word]))
        profile.roles[0].environment.append(NamedValue("ODD", word))
        let fixture = try PublishedFixture(base.name)
        let plan = try fixture.plan(profile)
        let rendered = RenderedPlan(
            profile: profile, modelPath: fixture.model, plan: plan, interface: { _ in "eth9" })
        let spec = LaunchSpec.make(
            profile: profile, modelPath: fixture.model, plan: plan, group: GroupName("prefill-0"),
            rank: .master, interface: "eth9")
        #expect(spec.argv.last == word)
        let bench = try ScriptBench()
        defer { bench.remove() }
        try bench.run(rendered.scripts[0].text, part: "prefill-0", expecting: [spec])
    }
}

/// A directory with stand-ins for the programs that a script calls.
private struct ScriptBench {
    let directory: String

    /// CANN lies in that layout below `/usr/local/Ascend`.
    init(layout: String = "ascend-toolkit") throws {
        var template = Array("/tmp/glm-agent-scripts-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        directory = try #require(made)
        // Writes its own words and environment, then waits for the other programs of its script.
        let engine = """
            #!/bin/bash
            printf '%s\\0' "${0##*/}" "$@" >"$OUT/$2.argv"
            env -0 >"$OUT/$2.environment"
            touch "$OUT/$2.done"
            for ((i = 0; i < 500; i++)); do
                found=("$OUT"/*.done)
                if [ ${#found[@]} -ge "$PROGRAMS" ]; then exit 0; fi
                sleep 0.01
            done
            exit 1
            """
        let tools = [
            "python3": engine, "python": engine,
            "tee": "#!/bin/bash\nread -r line; echo \"tee $line\" >>\"$OUT/tuning\"",
            "sysctl": "#!/bin/bash\necho \"sysctl $*\" >>\"$OUT/tuning\"; exit 1",
        ]
        // Like the vendor's: it reads a variable that is not set, and its last command fails.
        let prepared = "export PREPARED=yes$NOT_SET_ANYWHERE\nfalse\n"
        let folders = [
            "bin", "out", "root/usr/local/Ascend/\(layout)", "root/usr/local/Ascend/nnal/atb",
        ]
        for folder in folders {
            #expect(system("mkdir -p '\(directory)/\(folder)'") == 0)
        }
        for folder in folders.dropFirst(2) {
            try writeFile("\(directory)/\(folder)/set_env.sh", prepared)
        }
        for (name, text) in tools {
            try writeFile("\(directory)/bin/\(name)", text + "\n")
            chmod("\(directory)/bin/\(name)", 0o755)
        }
    }

    func remove() {
        _ = system("rm -rf '\(directory)'")
    }

    var tuningLog: String { readFile("\(directory)/out/tuning") ?? "" }

    /// What the script complained of, but for its settings of the host, which fail here.
    var log: String {
        (readFile("\(directory)/out/log") ?? "").split(separator: "\n")
            .filter { !$0.contains("was not set") }.joined(separator: "\n")
    }

    /// Runs the script and returns its exit status.
    func execute(_ text: String, part: String, settings: String, programs: Int = 1) throws -> Int32
    {
        try writeFile("\(directory)/script.sh", text)
        #expect(system("bash -n '\(directory)/script.sh'") == 0, "bash does not read the script")
        let status = system(
            """
            cd '\(directory)' && rm -f out/* && env -i PATH='\(directory)/bin':/usr/bin:/bin \
            OUT='\(directory)/out' PROGRAMS=\(programs) GLM_AGENT_ROOT='\(directory)/root' \
            https_proxy=p http_proxy=p HTTPS_PROXY=p HTTP_PROXY=p ASCEND_LAUNCH_BLOCKING=1 \
            \(settings) bash script.sh \(part) >out/log 2>&1
            """)
        return (status >> 8) & 0xFF
    }

    /// Runs the script and expects it to start these specs and nothing else.
    func run(_ text: String, part: String, expecting specs: [LaunchSpec]) throws {
        let status = try execute(text, part: part, settings: "", programs: specs.count)
        #expect(status == 0, "\(part): \(readFile("\(directory)/out/log") ?? "")")
        for spec in specs {
            let started = "\(directory)/out/\(spec.argv[2])"
            #expect(words(readFile("\(started).argv")) == spec.argv)
            var variables: [String: String] = [:]
            for word in words(readFile("\(started).environment")) {
                let parts = word.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                variables[String(parts[0])] = String(parts[1])
            }
            let ours = ["PATH", "OUT", "PROGRAMS", "GLM_AGENT_ROOT", "PWD", "OLDPWD", "SHLVL", "_"]
            for name in ours { variables[name] = nil }
            if spec.role == .router {
                for name in ["https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"] {
                    variables[name] = nil
                }
                variables["ASCEND_LAUNCH_BLOCKING"] = nil
            } else {
                #expect(variables.removeValue(forKey: "PREPARED") == "yes")
            }
            let wanted = Dictionary(spec.environment.map { ($0.name, $0.value) }) { _, last in last
            }
            #expect(variables == wanted)
        }
    }

    private func words(_ text: String?) -> [String] {
        (text ?? "").split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(
            String.init)
    }
}
