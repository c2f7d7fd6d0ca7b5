// Between the shim and the engine, in the engine's own process: what can only be done from within.
// The kernel ends it when the shim dies (PR_SET_PDEATHSIG, which exec keeps); the environment is
// made as the published script makes it, or is the one that was made from the same files before; and then it becomes the engine, so that the process that
// the shim started is the engine's main process.
//
//     shim ── fork ──▶ begin: parent-death signal, unset
//                        │ exec bash, where there are files to source
//                        ▼
//                      apply: environment, stamp ── exec ──▶ the engine
//
// On descriptor 3 it says why it failed. The descriptor closes as the engine begins.

import Base
import CSystem
import EventLoop
import Glibc
import Planning

/// The program `shim-exec`: `begin|apply SHIM-PID DIRECTORY`.
public enum ExecStage {
    /// Where a failure is said.
    static let reportDescriptor: Int32 = 3
    /// What a shell returns for a command that it cannot run.
    private static let failureCode: Int32 = 127

    enum Step: String {
        case begin, apply
    }

    /// The arguments of this program for that step.
    static func arguments(
        _ step: Step, shim: Int32, directory: ShardDirectory
    ) -> [String] {
        ["shim-exec", step.rawValue, String(shim), directory.path]
    }

    /// Becomes the engine; returns only when that failed.
    public static func run(arguments: [String]) -> Int32 {
        guard arguments.count == 3, let step = Step(rawValue: arguments[0]),
            let shim = Int32(arguments[1])
        else { return 64 }
        let directory = ShardDirectory(path: arguments[2])
        do throws(ShimFileError) {
            let launch = try ShardLaunch.read(from: directory)
            let failure =
                switch step {
                case .begin: begin(launch, shim: shim, directory: directory)
                case .apply: apply(launch)
                }
            report(failure)
        } catch {
            report(error.description)
        }
        return failureCode
    }

    /// - Returns: why the next step could not be taken.
    private static func begin(
        _ launch: ShardLaunch, shim: Int32, directory: ShardDirectory
    ) -> String {
        guard csystem_set_parent_death_signal(SIGKILL) == 0 else {
            return UVError(errno: errno, operation: "set the parent-death signal").description
        }
        // The shim may have died before the kernel was asked.
        guard getppid() == shim else { return "the shim is gone" }
        if let base = launch.base {
            clearenv()
            set(base)
        }
        for name in launch.spec.removed { unsetenv(name) }
        set(launch.stamp)
        guard !launch.source.isEmpty else { return apply(launch) }
        for file in launch.source where access(file, R_OK) != 0 {
            return UVError(errno: errno, operation: "source", subject: file).description
        }
        let next =
            launch.launcher + arguments(.apply, shim: shim, directory: directory)
        return become(["/bin/bash", "-c", sourcingScript(launch.source, then: next)])
    }

    /// A file's own exit status is not looked at, as in the published script. The report descriptor
    /// is hidden from them: something that they leave running would hold it open.
    static func sourcingScript(_ files: [String], then command: [String]) -> String {
        let sources = files.map { "source \(quoted($0)) 3>&-\n" }.joined()
        return sources + "exec " + command.map(quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        "'"
            + word.split(separator: "'", omittingEmptySubsequences: false).joined(
                separator: "'\\''")
            + "'"
    }

    private static func apply(_ launch: ShardLaunch) -> String {
        set(launch.spec.environment)
        set(launch.stamp)
        _ = fcntl(reportDescriptor, F_SETFD, FD_CLOEXEC)
        return become(launch.argv)
    }

    private static func set(_ variables: [EnvironmentVariable]) {
        for variable in variables { setenv(variable.name, variable.value, 1) }
    }

    private static func become(_ command: [String]) -> String {
        guard let program = command.first else { return "the launch has an empty command" }
        var words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        execvp(program, &words)
        return UVError(errno: errno, operation: "start", subject: program).description
    }

    private static func report(_ failure: String) {
        let bytes = Array(failure.utf8)
        _ = write(reportDescriptor, bytes, bytes.count)
    }
}
