// `glm-agent rehearse`: a cluster on this machine, from nothing to an answer to nothing.

import Base
import EventLoop
import Glibc
import Host
import Profiles
import YAML

func rehearse(_ invocation: Invocation) -> ExitCode {
    invocation.withConfiguration { () throws(ConfigurationError) in
        guard let profile = try invocation.namedProfile(or: rehearsedByDefault) else {
            return .usage
        }
        let count: Int
        let needed = profile.nodesNeeded
        switch invocation.number(.nodeCount, or: needed, in: 1...250) {
        case .success(let number): count = number
        case .failure(let code): return code.exitCode
        }
        guard count >= needed else {
            return invocation.misused(
                "--count \(count): \(profile.name) needs \(counted(needed, "node"))")
        }
        let seconds: Int
        switch invocation.number(.timeLimit, or: 120, in: 1...86_400) {
        case .success(let number): seconds = number
        case .failure(let code): return code.exitCode
        }
        return rehearse(invocation, profile, nodeCount: count, limit: .seconds(seconds))
    }
}

private func rehearse(
    _ invocation: Invocation, _ profile: Profile, nodeCount: Int, limit: Duration
) -> ExitCode {
    let console = invocation.console
    let isTold = !invocation.arguments.has(.json)
    do throws(RehearsalFailure) {
        let place = try rehearsalDirectory(invocation.arguments[.directory])
        defer { if place.isTemporary { try? Files.removeTree(place.path) } }
        let site = try RehearsalSite(directory: place.path, profile: profile, nodeCount: nodeCount)
        try site.prepare()
        let cluster = try RehearsalCluster(site: site)
        if isTold {
            console.out(
                "rehearsing \(profile.name): \(counted(nodeCount, "node")) in \(place.path)")
        }
        let rehearsal = Rehearsal(
            cluster: cluster, console: console, isTold: isTold, limit: limit)
        let isRight = rehearsal.run()
        let stays = isRight && !invocation.arguments.has(.once)
        if isTold {
            tell(rehearsal.report, withStatus: !(stays && console.isTerminal), on: console)
        }
        if stays { stay(cluster, console) }
        let left = cluster.end()
        if !isTold { console.outRaw(rehearsal.report.json.pretty) }
        for process in left {
            console.complain(
                "process \(process.processID) could not be ended: \(process.commandLine)")
        }
        return isRight && left.isEmpty ? .success : .failure
    } catch {
        console.complain(error.reason)
        return .failure
    }
}

/// Shows the cluster until somebody interrupts or an agent ends.
private func stay(_ cluster: RehearsalCluster, _ console: Console) {
    let first = cluster.site.nodes[0].socket
    let hint = "Ctrl-C ends it. From another terminal: glm-agent status --socket \(first)"
    if !console.isTerminal { console.out(hint) }
    let live = LiveView(console)
    if console.isTerminal { console.out() }
    while !cluster.isInterrupted, cluster.failedAgent == nil {
        if console.isTerminal, let status = cluster.firstAnswer(ControlPath("/v1/status")) {
            let view = StatusView(
                status: status, now: currentWallTime(), colour: console.hasColour)
            live.draw(hint + "\n\n" + view.text)
        }
        _ = cluster.wait(.seconds(1))
    }
    if let failed = cluster.failedAgent {
        console.complain("the agent of \(failed.node.name) \(failed.exit)")
    }
    console.out("ending everything that was started")
}

/// The end of the story for people: the status, or what failed and the logs that tell why.
private func tell(_ report: RehearsalReport, withStatus: Bool, on console: Console) {
    if withStatus, report.status != .null {
        console.out()
        console.outRaw(
            StatusView(
                status: report.status, now: currentWallTime(), colour: console.hasColour
            ).text)
    }
    guard let failure = report.failure else { return }
    for log in report.logs {
        console.out("\n\(log.source):")
        for line in log.lines { console.out("  \(line)") }
    }
    console.out()
    console.complain("the rehearsal failed before \"\(failure.phase)\": \(failure.reason)")
}

// MARK: - Arguments

/// The directory that was named, made absolute; otherwise a temporary one of our own.
private func rehearsalDirectory(
    _ named: String?
) throws(RehearsalFailure) -> (path: String, isTemporary: Bool) {
    if let named {
        do throws(UVError) {
            try Files.makeDirectories(named, permissions: 0o700)
        } catch {
            throw RehearsalFailure("\(error)")
        }
        guard let resolved = realpath(named, nil) else {
            throw RehearsalFailure("cannot resolve \(named): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return (String(cString: resolved), false)
    }
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/glm-rehearsal-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
        throw RehearsalFailure(
            "cannot make a directory in \(parent): \(String(cString: strerror(errno)))")
    }
    return (String(cString: made), true)
}
