"""Checks the published vectors of the wire with a decoder and a CDDL validator that are not ours.

Every vector of Protocols/vectors/wire is read by cbor2, must be its canonical encoding, must read in
diagnostic notation as it says, and must fit its rule of wire.cddl. Then the check proves that it can
fail: vectors are changed in ways that no reader may accept, and every change must be noticed."""

import json
import pathlib
import re
import sys

import cbor2
from cddl_verifier import Validator

HERE = pathlib.Path(__file__).parent
# Of each vector, spread over its length: the validator takes milliseconds for each.
CHANGES = 16
GRAMMAR = (HERE / "wire.cddl").read_text()


def diagnostic(value):
    """Diagnostic notation (RFC 8949 section 8) of the kinds that the protocol uses."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, list):
        return "[" + ", ".join(map(diagnostic, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def nested(value, path=()):
    """Every item of a decoded vector, with its path; what a byte string wraps is left alone."""
    yield path, value
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from nested(child, path + (index,))


def replaced(value, path, new):
    if not path:
        return new
    index, *rest = path
    return [replaced(child, rest, new) if at == index else child for at, child in enumerate(value)]


def wraps_item(item):
    """True for bytes that are an item again, and not a part of a longer state."""
    try:
        return cbor2.dumps(cbor2.loads(item), canonical=True) == item
    except cbor2.CBORDecodeError:
        return False


def changes(value):
    """Values that fit no rule, each with a name: one item is of another kind."""
    for path, item in nested(value):
        place = "/".join(map(str, path)) or "the whole"
        yield f"{place} is a map", replaced(value, path, {"a": 1})
        if isinstance(item, int) and not isinstance(item, bool):
            yield f"{place} is a text", replaced(value, path, "1")
            yield f"{place} is below every integer", replaced(value, path, -(2**63) - 1)
        if isinstance(item, str):
            yield f"{place} is a number", replaced(value, path, 1)
        if isinstance(item, bytes) and wraps_item(item):
            yield f"{place} wraps another item", replaced(value, path, cbor2.dumps([99]))


def check_vector(vector, grammar):
    """What is wrong with a vector."""
    encoded = bytes.fromhex(vector["hex"])
    value = cbor2.loads(encoded)
    if cbor2.dumps(value, canonical=True) != encoded:
        yield "is not in canonical form"
    if diagnostic(value) != vector["diagnostic"]:
        yield f"reads as {diagnostic(value)}"
    result = grammar.validate(encoded, root_type=vector["rule"], require_deterministic=True)
    for problem in result.diagnostics:
        yield str(problem)


def words_missing(vectors):
    """The words of the grammar that no vector says."""
    seen = " ".join(vector["diagnostic"] for vector in vectors)
    words = set(re.findall(r'"(\w+)"', GRAMMAR))
    return sorted(word for word in words if f'"{word}"' not in seen)


def main():
    files = sorted((HERE / "vectors" / "wire").glob("*.json"))
    vectors = [vector for path in files for vector in json.loads(path.read_text())]
    grammar = Validator(GRAMMAR)
    wrong = [] if vectors else ["there are no vectors"]
    wrong += [f"no vector says {word}" for word in words_missing(vectors)]
    tried = 0
    for vector in vectors:
        wrong += [f"{vector['name']}: {problem}" for problem in check_vector(vector, grammar)]
        every = list(changes(cbor2.loads(bytes.fromhex(vector["hex"]))))
        for name, changed in every[:: -(-len(every) // CHANGES)]:
            tried += 1
            encoded = cbor2.dumps(changed, canonical=True)
            if grammar.validate(encoded, root_type=vector["rule"]).valid:
                wrong.append(f"{vector['name']}: the grammar lets pass: {name}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"    {len(vectors)} vectors fit, {tried} changes tried")
    return 1 if wrong else 0


sys.exit(main())
