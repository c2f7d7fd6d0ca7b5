#!/usr/bin/env python3
"""A steady client: completions, one after the other, each with its outcome as a line of JSON.

    client.py ROUTER_FILE RESULTS_FILE

ROUTER_FILE holds the router's URL, and is read anew for each request, since the router moves with its
node. Runs until it is ended. Times are CLOCK_MONOTONIC, which all processes of the host share.
"""

import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

REQUEST = json.dumps({
    "model": "glm-5", "prompt": "What holds when everything else breaks", "max_tokens": 8,
    "temperature": 0}).encode()
PAUSE_SECONDS = 0.1
LIMIT_SECONDS = 10


def ask(url):
    """(text, None) or (None, why)."""
    request = urllib.request.Request(
        f"{url}/v1/completions", data=REQUEST, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as response:
            return json.load(response)["choices"][0]["text"], None
    except urllib.error.HTTPError as error:
        return None, f"{error.code}: {error.read(200).decode(errors='replace')}"
    except (OSError, ValueError, KeyError, IndexError) as error:
        return None, f"{type(error).__name__}: {error}"


def main():
    router, results = pathlib.Path(sys.argv[1]), sys.argv[2]
    with open(results, "a", buffering=1) as file:
        while True:
            if url := router.read_text().strip():
                begun = time.monotonic()
                text, error = ask(url)
                record = {"begun": begun, "ended": time.monotonic(), "text": text, "error": error}
                file.write(json.dumps(record) + "\n")
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
