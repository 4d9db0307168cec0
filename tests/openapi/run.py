"""Runs the steps of scripts/api; see there."""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import samples
from server import server

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "openapi" / "openapi.json"
BIN = pathlib.Path(sys.executable).parent
NODE_BIN = HERE / "node_modules" / ".bin"
ALICE = "/api/v1/accounts/sip%3Aalice%40example.org"


def run(command, **more):
    """Whether a command ends well and says nothing of warnings."""
    environment = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    environment |= more.pop("env", {})
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, **more)
    return done.returncode == 0, done.stdout


def lint(_):
    good, said = run([NODE_BIN / "spectral", "lint", "--ruleset", HERE / "spectral.yaml", "--fail-severity=hint", DOCUMENT])
    yield "spectral", good, said
    good, said = run([NODE_BIN / "redocly", "lint", "--extends=recommended", "--format=json", DOCUMENT], cwd=HERE)
    found = json.JSONDecoder().raw_decode(said, said.find("{"))[0]["totals"] if "{" in said else {}
    yield "redocly", good and found.get("errors") == 0 and found.get("warnings") == 0, said


def fill(api):
    """Something to find: messages of two people, a large one, reports."""
    hand_over = lambda body: api.request("POST", "/gateway/v1/messages", body, "message/sip")
    for to in ["sip:alice@example.org", "sip:bob@example.org"]:
        for _ in range(3):
            assert hand_over(samples.pager(to))[0] == 201
    large = api.request("POST", "/gateway/v1/large-messages", samples.large(), f"multipart/mixed;boundary={samples.BOUNDARY}")
    assert large[0] == 201, large
    for _ in range(20):
        stored = json.loads(hand_over(samples.asking())[1])
        assert api.request("DELETE", f"{ALICE}/messages/{stored['id']}")[0] == 204


def fuzz(options):
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    for kind in options.databases:
        with server(kind) as api:
            fill(api)
            command = [
                BIN / "st", "--config-file", HERE / "schemathesis.toml", "run", api.url + "/openapi.json",
                "--seed", str(seed), "--max-time", str(options.seconds), "--header", f"Authorization: Bearer {api.token}",
            ]
            good, said = run(command, cwd=HERE, env={"SCHEMATHESIS_HOOKS": "hooks"}, timeout=options.seconds * 4 + 120)
        yield f"schemathesis on {kind} (seed {seed})", good, said


def first_failure(commands):
    """Runs commands until one fails: whether all ended well, and what the last one said."""
    said = ""
    for command, more in commands:
        good, said = run(command, **more)
        if not good:
            return False, " ".join(map(str, command)) + "\n" + said
    return True, said


def clients(options):
    with server(options.databases[0]) as api, tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        where = {"RESTANTE_URL": api.url, "RESTANTE_TOKEN": api.token}
        package = place / "python"
        generate = [BIN / "openapi-python-client", "generate", "--path", DOCUMENT, "--output-path", package]
        good, said = first_failure([
            ([*generate, "--config", HERE / "python-client.yaml"], {}),
            ([sys.executable, "-m", "compileall", "-q", package], {}),
            ([sys.executable, HERE / "client_test.py"], {"env": where | {"PYTHONPATH": f"{package}:{HERE}"}}),
        ])
        yield "a client in Python", good, said
        # Beside node_modules, where tsc and node look for openapi-fetch.
        build = HERE / "node_modules" / ".restante"
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir()
        shutil.copy(HERE / "client_test.ts", build)
        good, said = first_failure([
            ([NODE_BIN / "openapi-typescript", DOCUMENT, "--output", build / "schema.ts"], {}),
            ([NODE_BIN / "tsc", *TSC, build / "client_test.ts"], {}),
            ([NODE, build / "client_test.js"], {"env": where}),
        ])
        yield "a client in TypeScript", good, said


STEPS = {"lint": lint, "fuzz": fuzz, "clients": clients}
TSC = ["--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
NODE = os.environ.get("RESTANTE_TEST_NODE", "node")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--database", choices=["sqlite", "postgres"])
    parser.add_argument("steps", nargs="*", choices=[[], *STEPS])
    options = parser.parse_args()
    known = ["sqlite"] + (["postgres"] if "RESTANTE_TEST_POSTGRES_URL" in os.environ else [])
    options.databases = [options.database] if options.database else known
    passed = failed = 0
    for step in options.steps or STEPS:
        for name, good, said in STEPS[step](options):
            print(f"api: {'ok' if good else 'FAILED'}: {name}", flush=True)
            passed, failed = passed + good, failed + (not good)
            if not good:
                print(said, flush=True)
    print(f"api: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
