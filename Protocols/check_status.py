"""Checks that the recorded status documents fit Protocols/status.schema.json, and that the schema is
strict: every change that should be refused is refused. Swift tests record the documents from the
real types, so a change of either side is noticed. Files named as arguments are checked too: a status, or
the report of a rehearsal, which holds one (`glm-agent rehearse --once --json`)."""

import copy
import json
import pathlib
import sys

import jsonschema

HERE = pathlib.Path(__file__).parent


def objects(value, path=()):
    """Every object in a document, with its path."""
    if isinstance(value, dict):
        yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children if isinstance(value, (dict, list)) else ():
        if isinstance(child, (dict, list)):
            yield from objects(child, path + (key,))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def changes(document):
    """Documents that must not fit, each with a name."""
    for path, value in objects(document):
        place = "/".join(map(str, path)) or "the document"
        changed = copy.deepcopy(document)
        at(changed, path)["surprise"] = 1
        yield f"a member more in {place}", changed
        for name in value:
            changed = copy.deepcopy(document)
            del at(changed, path)[name]
            yield f"no {name} in {place}", changed
        if "state" in value:
            changed = copy.deepcopy(document)
            at(changed, path)["state"] = "perhaps"
            yield f"an unknown state in {place}", changed


def main():
    schema = json.loads((HERE / "status.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    documents = sorted((HERE / "vectors" / "status").glob("*.json"))
    documents += [pathlib.Path(argument) for argument in sys.argv[1:]]
    wrong = [] if documents else ["there is no recorded status"]
    refused = 0
    for path in documents:
        document = json.loads(path.read_text())
        document = document.get("status", document)
        for error in validator.iter_errors(document):
            wrong.append(f"{path.name}: {error.json_path}: {error.message}")
        for name, changed in changes(document):
            refused += 1
            if validator.is_valid(changed):
                wrong.append(f"{path.name}: the schema lets pass: {name}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"    {len(documents)} documents fit, {refused} changes tried")
    return 1 if wrong else 0


sys.exit(main())
