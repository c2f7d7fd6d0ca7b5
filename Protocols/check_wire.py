"""Checks the published vectors of the wire with a decoder and a CDDL validator that are not ours.

Every vector of Protocols/vectors/wire is read by cbor2, must be its canonical encoding, must read in
diagnostic notation as it says, and must fit its rule of wire.cddl. Then the check proves that it can
fail: vectors are changed in ways that no reader may accept, and every change must be noticed."""

import json
import pathlib
import re
import sys

import cbor2
import pycddl

HERE = pathlib.Path(__file__).parent
GRAMMAR = (HERE / "wire.cddl").read_text()


def validator(rule):
    """The first rule of a CDDL text is the one that is validated."""
    return pycddl.Schema(f"start-of-the-check = {rule}\n{GRAMMAR}")


def diagnostic(value):
    """Diagnostic notation (RFC 8949 section 8) of the kinds that the protocol uses."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, list):
        return "[" + ", ".join(map(diagnostic, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def fits(schema, encoded):
    try:
        schema.validate_cbor(encoded)
        return True
    except pycddl.ValidationError:
        return False


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


def changes(value):
    """Values that fit no rule, each with a name: one item is of another kind."""
    for path, item in nested(value):
        place = "/".join(map(str, path)) or "the whole"
        yield f"{place} is a map", replaced(value, path, {"a": 1})
        yield f"{place} is a fraction", replaced(value, path, 1.5)
        if isinstance(item, int) and not isinstance(item, bool):
            yield f"{place} is a text", replaced(value, path, "1")
            yield f"{place} is below every integer", replaced(value, path, -(2**63) - 1)
        if isinstance(item, str):
            yield f"{place} is a number", replaced(value, path, 1)
        if isinstance(item, bytes):
            yield f"{place} wraps another item", replaced(value, path, cbor2.dumps([99]))


def check_vector(vector, schema):
    """What is wrong with a vector, and how many changes of it were tried."""
    encoded = bytes.fromhex(vector["hex"])
    value = cbor2.loads(encoded)
    if cbor2.dumps(value, canonical=True) != encoded:
        yield "is not in canonical form"
    if diagnostic(value) != vector["diagnostic"]:
        yield f"reads as {diagnostic(value)}"
    if not fits(schema, encoded):
        yield f"does not fit the rule {vector['rule']}"


def numbers_missing(vectors):
    """Every numbered choice and every word of the grammar must occur in a vector."""
    seen = " ".join(vector["diagnostic"] for vector in vectors)
    words = set(re.findall(r'"(\w+)"', GRAMMAR))
    return sorted(word for word in words if f'"{word}"' not in seen)


def main():
    files = sorted((HERE / "vectors" / "wire").glob("*.json"))
    vectors = [vector for path in files for vector in json.loads(path.read_text())]
    schemas = {rule: validator(rule) for rule in {vector["rule"] for vector in vectors}}
    wrong = [] if vectors else ["there are no vectors"]
    wrong += [f"no vector says {word}" for word in numbers_missing(vectors)]
    tried = 0
    for vector in vectors:
        schema = schemas[vector["rule"]]
        wrong += [f"{vector['name']}: {problem}" for problem in check_vector(vector, schema)]
        value = cbor2.loads(bytes.fromhex(vector["hex"]))
        for name, changed in changes(value):
            tried += 1
            if fits(schema, cbor2.dumps(changed, canonical=True)):
                wrong.append(f"{vector['name']}: the grammar lets pass: {name}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"    {len(vectors)} vectors fit, {tried} changes tried")
    return 1 if wrong else 0


sys.exit(main())
