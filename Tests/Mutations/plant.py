#!/usr/bin/env python3
"""Plants the bugs of bugs.txt in a copy of the cores and shows that the simulator finds each.

All of them are planted at once, each behind a switch (mutant schemata: Untch, Offutt, Harrold, 1993),
so that the copy is built once and a bug costs no more than its own run. The sources stay clean.

    plant.py                every bug
    plant.py WORDS          the bugs whose names contain the words
    plant.py --sample N     N of them, spread over the table, others every day
    plant.py --check        only whether every line is still where the table says, and simulation.md counts
                            the table as it is
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

# So many the simulator finds by itself, in histories of its seeds or told ones; the tests that others name
# could as well be written without it.
LEAST_SIMULATED = 10

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COPY = ROOT / ".build" / "planted"
# A run that takes longer goes round in circles.
RUN_SECONDS = 600

SWITCH = """// The bug that is planted in this run; 0 for none.

import Glibc

private let planted = getenv("PLANTED_BUG").flatMap { Int(String(cString: $0)) } ?? 0

public func isPlanted(_ bug: Int) -> Bool { planted == bug }
"""


def read_bugs():
    bugs = []
    for number, text in enumerate((HERE / "bugs.txt").read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        key, _, value = text.partition(" ")
        if key == "bug":
            bugs.append({"place": number, "number": len(bugs) + 1})
        bugs[-1][key] = value.strip()
    for bug in bugs:
        missing = {"file", "line", "instead", "expect"} - bug.keys()
        if missing:
            sys.exit(f"bugs.txt:{bug['place']}: {bug['bug']}: no {', '.join(sorted(missing))}")
    return bugs


def planted(text, bug):
    """The text with the bug behind its switch."""
    line, instead = bug["line"], bug["instead"]
    switch = f"isPlanted({bug['number']})"
    if instead.startswith("statement:"):
        new = f"if {switch} {{ {instead.removeprefix('statement:').strip()} }} else {{ {line} }}"
    elif line.startswith("var "):
        name, value = line.split(" = ")
        new = f"{name} = {switch} ? {instead.split(' = ')[1]} : {value}"
    elif line.startswith("case "):
        new = f"{instead.rpartition(':')[0]} where {switch}: {instead.rpartition(':')[2].strip()}"
        new = f"{new}\n{line}"
    else:
        new = f"({switch} ? ({instead}) : ({line}))"
    # Where bugs share an expression, the last is the one without a bug.
    before, _, after = text.rpartition(line)
    return before + new + after


def check(bugs):
    bad = 0
    for bug in bugs:
        source = ROOT / "Sources" / bug["file"]
        count = source.read_text().count(bug["line"]) if source.exists() else 0
        if count != 1:
            bad += 1
            print(f"bugs.txt:{bug['place']}: {bug['bug']}: the line stands {count} times in "
                  f"Sources/{bug['file']}; it must stand there once")
    sentence = counts(bugs)
    words = " ".join((ROOT / "Protocols" / "simulation.md").read_text().split())
    if sentence not in words:
        bad += 1
        print(f"Protocols/simulation.md does not say: {sentence}")
    if (simulated := len([bug for bug in bugs if is_simulated(bug)])) < LEAST_SIMULATED:
        bad += 1
        print(f"{too_few(simulated)}")
    return bad


def is_simulated(bug):
    """Whether the simulator is to find it, and no test that was written for it."""
    return "test" not in bug


def counts(bugs):
    """How many bugs of which kind there are, as simulation.md says it."""
    simulated = [bug for bug in bugs if is_simulated(bug)]
    told = [bug for bug in simulated if "scenario" in bug]
    return (f"`Tests/Mutations/bugs.txt` lists {len(bugs)} bugs of one line each in the node itself. The "
            f"simulator finds {len(simulated)} of them, {len(told)} under a history told by hand; the other "
            f"{len(bugs) - len(simulated)} are found by tests that the table names.")


def too_few(simulated):
    return f"the simulator finds {simulated} planted bugs, fewer than {LEAST_SIMULATED}"


def write(path, text):
    """Writes only what differs, so that only that is built anew."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def manifest(bugs):
    """Package.swift with the cores alone, the tests that some bugs name, and the runner."""
    text = (ROOT / "Package.swift").read_text()
    text = re.sub(r"    products: \[.*\n", "", text)
    text, count = re.subn(
        r"targets: cLibraries \+ primitives \+ cores \+ shell \+ program",
        "targets: cLibraries + (primitives + cores).filter {\n"
        f"        $0.type != .test || {json.dumps(test_targets(bugs))}.contains($0.name)\n    }} + [\n"
        '        .executableTarget(name: "runner", dependencies: ["Base", "Simulation"])\n    ]',
        text)
    if count != 1:
        sys.exit("plant.py: Package.swift lists its targets otherwise than this script expects")
    return text


def test_targets(bugs):
    return sorted({bug["test"].split(".")[0] for bug in bugs if "test" in bug})


def build(bugs):
    targets = set()
    for folder in (ROOT / "Sources").iterdir():
        if folder.name in ("Runner",) or not folder.is_dir():
            continue
        targets.add(folder.name)
        for source in folder.rglob("*"):
            if source.is_dir():
                continue
            path = source.relative_to(ROOT / "Sources")
            if source.suffix != ".swift":
                target = COPY / "Sources" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                    shutil.copy2(source, target)
                continue
            text = source.read_text()
            for bug in bugs:
                if bug["file"] == str(path):
                    text = planted(text, bug)
            write(COPY / "Sources" / path, text)
    copied = COPY / "Sources"
    for old in copied.rglob("*"):
        path = old.relative_to(copied)
        if old.is_file() and path.parts[0] != "runner" and not (ROOT / "Sources" / path).exists():
            old.unlink()
    write(COPY / "Sources" / "Base" / "Planted.swift", SWITCH)
    write(COPY / "Sources" / "runner" / "main.swift", (HERE / "Runner.swift").read_text())
    write(COPY / "Package.swift", manifest(bugs))
    for target in test_targets(bugs):
        for source in (ROOT / "Tests" / target).rglob("*.swift"):
            write(COPY / source.relative_to(ROOT), source.read_text())
    done = subprocess.run(
        ["swift", "build", "--package-path", str(COPY), "--build-tests"],
        capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    show = subprocess.run(
        ["swift", "build", "--package-path", str(COPY), "--show-bin-path"],
        capture_output=True, text=True, check=True)
    return pathlib.Path(show.stdout.strip()) / "runner"


def run(runner, bug):
    """What the simulator says of a bug, and whether that is what it should say."""
    history = bug.get("scenario")
    text = (ROOT / "Tests" / "Scenarios" / history).read_text() if history else "-"
    environment = dict(
        os.environ, SWIFT_BACKTRACE="enable=no", PLANTED_BUG=str(bug["number"]))
    command = [runner, bug.get("seeds", "60"), text, bug["expect"]]
    if "test" in bug:
        command = ["swift", "test", "--package-path", str(COPY), "--skip-build", "--filter",
                   bug["test"]]
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return False, f"no end after {RUN_SECONDS} s", RUN_SECONDS
    seconds = time.monotonic() - started
    if "test" in bug:
        return run_test(bug, done, seconds)
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode == 0:
        return True, lines[-1], seconds
    # A machine that notices by itself that it is wrong ends the process.
    words = [line for line in done.stderr.splitlines() if "error: " in line]
    if done.returncode < 0 and words:
        said = f"{lines[-1]}: stopped by itself: {words[0].partition('error: ')[2]}"
        return any(word in said for word in bug["expect"].split("|")), said, seconds
    return False, " / ".join(lines[-3:]) + done.stderr[-300:], seconds


def run_test(bug, done, seconds):
    """A test finds a bug by failing."""
    failures = [line for line in (done.stdout + done.stderr).splitlines()
                if "recorded an issue" in line or "Fatal error" in line]
    if done.returncode == 0 or not failures:
        return False, f"{bug['test']} passes, or does not run", seconds
    speaking = [line for line in failures if any(word in line for word in bug["expect"].split("|"))]
    return bool(speaking), f"{bug['test']}: {(speaking or failures)[0]}", seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="?", default="")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    bugs = read_bugs()
    if check(bugs):
        return 1
    if arguments.check:
        print(f"{len(bugs)} bugs can be planted")
        return 0
    runner = build(bugs)
    chosen = [bug for bug in bugs if arguments.words in bug["bug"]]
    if arguments.sample:
        # Other ones every day, so that all have their turn.
        today = int(time.time()) // 86400
        step = max(1, len(chosen) // arguments.sample)
        chosen = [chosen[(today + place * step) % len(chosen)] for place in range(arguments.sample)]
    missed = simulated = 0
    for bug in chosen:
        isFound, said, seconds = run(runner, bug)
        missed += not isFound
        simulated += isFound and is_simulated(bug)
        print(f"{'found ' if isFound else 'MISSED'} {seconds:5.1f} s  {bug['bug']}\n"
              f"         {said[:230]}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} planted bugs found, {simulated} of them by the simulator")
    if len(chosen) == len(bugs) and simulated < LEAST_SIMULATED:
        print(too_few(simulated))
        return 1
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
