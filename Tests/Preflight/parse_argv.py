#!/usr/bin/env python3
"""Does the installed SGLang understand these commands? Its own parser is asked; nothing is started.

    parse_argv.py RENDERED.json      every shard of `glm-agent render --json`
    parse_argv.py - < RENDERED.json  the same from standard input
    parse_argv.py -- ARGV…           one command: python3 -m sglang.launch_server …
    parse_argv.py --options          the parser's own options, one a line, to compare two versions
    parse_argv.py --grammar          what each of them takes, for a file in parsers/
    parse_argv.py --known FILE …     asks the parser that such a file describes, without any SGLang

Run it with the Python that runs the engine, but for --known. The last line is the result as JSON:
{"sglang": "0.5.23", "parsed": 4, "refused": []}; the exit code is 0 where all were parsed, 1 where
one was refused, 2 where SGLang cannot be imported.
"""

import argparse
import contextlib
import io
import json
import logging
import sys

PROGRAM = ["-m", "sglang.launch_server"]


def parser():
    """SGLang's own, as `python3 -m sglang.launch_server` makes it."""
    logging.disable(logging.CRITICAL)
    from sglang.srt.server_args import ServerArgs

    made = argparse.ArgumentParser(prog="sglang.launch_server")
    ServerArgs.add_cli_args(made)
    return made


# How many words an argument takes, in the words of argparse and of parsers/.
COUNTS = {"one": None, "maybe": "?", "any": "*", "some": "+"}
TYPES = {"int": int, "float": float, "text": str}


def grammar(made):
    """Each argument of a parser: `--cp-strategy = one text zigzag,interleave`."""
    words = {nargs: word for word, nargs in COUNTS.items()}
    for action in made._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        count = "nothing" if action.nargs == 0 else words[action.nargs]
        kind = action.type.__name__ if action.type in (int, float) else "text"
        choices = ",".join(str(choice) for choice in action.choices or [])
        yield f"{' '.join(action.option_strings)} = {count} {kind} {choices}".rstrip()


def known(path):
    """The parser that such lines describe."""
    made = argparse.ArgumentParser(prog="sglang.launch_server")
    for line in open(path, encoding="utf-8"):
        names, _, takes = line.strip().partition(" = ")
        count, kind, *choices = takes.split()
        if count == "nothing":
            made.add_argument(*names.split(), action="store_true")
            continue
        of = TYPES[kind]
        values = [of(choice) for choice in choices[0].split(",")] if choices else None
        made.add_argument(*names.split(), nargs=COUNTS[count], type=of, choices=values)
    return made


def refusal(made, argv):
    """What the parser says against a command; None where it understands it."""
    words = list(argv)
    if words[1:3] == PROGRAM:
        words = words[3:]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            made.parse_args(words)
    except SystemExit as end:
        if end.code:
            lines = said.getvalue().strip().splitlines()
            return lines[-1] if lines else f"exit code {end.code}"
    return None


def commands(arguments):
    """The commands asked for, each with its name."""
    if arguments[:1] == ["--"]:
        return [("command", arguments[1:])]
    if len(arguments) != 1:
        sys.exit(__doc__)
    text = sys.stdin.read() if arguments[0] == "-" else open(arguments[0], encoding="utf-8").read()
    return [
        (f"{shard['group']} rank {shard['node_rank']}", shard["argv"])
        for shard in json.loads(text)["shards"]
    ]


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--known"] and len(arguments) > 1:
        version, made = arguments[1].rsplit("/", 1)[-1].removesuffix(".txt"), known(arguments[1])
        arguments = arguments[2:]
    else:
        try:
            made = parser()
            from sglang.version import __version__ as version
        except ImportError as error:
            print(f"SGLang cannot be imported: {error}", file=sys.stderr)
            return 2
    if arguments == ["--grammar"]:
        print("\n".join(sorted(grammar(made))))
        return 0
    if arguments == ["--options"]:
        print("\n".join(sorted(option for a in made._actions for option in a.option_strings)))
        return 0
    parsed, refused = 0, []
    for name, argv in commands(arguments):
        reason = refusal(made, argv)
        if reason is None:
            parsed += 1
        else:
            refused.append({"command": name, "reason": reason})
            print(f"{name}: {reason}", file=sys.stderr)
    print(json.dumps({"sglang": version, "parsed": parsed, "refused": refused}))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
