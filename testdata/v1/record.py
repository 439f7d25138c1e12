# SPDX-License-Identifier: MPL-2.0
"""Records what one version of pouncet answers: over HTTP, in http.json, and on
the command line with --json, in cli.json. make.sh calls it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

pouncet, here = sys.argv[1:]
tokens = json.load(open(f"{here}/tokens.json"))
values = json.load(open(f"{here}/values.json"))


class Recorder:
    """Sends requests and keeps them with their answers."""

    def __init__(self, base):
        self.base, self.calls = base, []

    def call(self, name, method, path, body=None, token="admin"):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = "Bearer " + tokens.get(token, token)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as r:
                status, answer = r.status, r.read()
        except urllib.error.HTTPError as e:
            status, answer = e.code, e.read()
        self.calls.append(
            {
                "name": name,
                "request": {"method": method, "path": path, "token": token, "body": body},
                "response": {"status": status, "body": json.loads(answer)},
            }
        )

    def post(self, name, path, body, token="admin"):
        self.call(name, "POST", path, body, token)


def change(op, name, kind="secret", **more):
    return {"op": op, "kind": kind, "project": "default", "environment": "dev", "name": name, "labels": None, **more}


def record_writes(base):
    """A set with an idempotency key. A repetition gives the first outcomes again."""
    r = Recorder(base)
    post = r.post
    once = {
        "changes": [
            change("set", "idempotent", value="b25jZQ==", description="Written once"),
            change("set", "idem_value", "scoped_value", json={"n": 1}),
        ],
        "idempotency_key": "fixture-0001",
    }
    post("a set with an idempotency key", "/v1/apply", once)
    post("the same set again", "/v1/apply", once)
    post("apply as a runtime", "/v1/apply", once, "runtime")
    written = {"kind": "secret", "project": "default", "environment": "dev", "name": "idempotent"}
    post("resolve what was written", "/v1/resolve", {"refs": [written]}, "runtime")
    return r.calls


def record_reads(base):
    """Everything that changes nothing."""
    r = Recorder(base)
    call, post = r.call, r.post
    call("healthz", "GET", "/healthz", token="")
    call("readyz", "GET", "/readyz", token="")

    # Query: every kind, selectors, pages.
    for kind in ["project", "token"]:
        post(f"query {kind}", "/v1/query", {"kind": kind})
    for kind in ["environment", "secret_type", "secret", "scoped_value", "usage"]:
        for project in ["default", "infra"]:
            post(f"query {kind} of {project}", "/v1/query", {"kind": kind, "project": project})
    for project in ["payments", "legacy"]:
        post(f"query secret of {project}", "/v1/query", {"kind": "secret", "project": project})
    secrets = {"kind": "secret", "project": "default"}
    post("query by name", "/v1/query", {**secrets, "name": "layered", "environment": "*"}, "viewer")
    post("query by type and scope", "/v1/query", {**secrets, "type": "database_connection", "scope": "project"})
    post("query a page", "/v1/query", {"kind": "environment", "project": "default", "limit": 2})
    post("query an unknown project", "/v1/query", {"kind": "secret", "project": "nowhere"})

    # Resolve: everything, factored out and not; what is missing, expired, forbidden.
    refs = [v["ref"] for v in values if not v.get("deleted")]
    post("resolve everything", "/v1/resolve", {"common": {}, "refs": refs}, "runtime")
    post(
        "resolve with what refs have in common",
        "/v1/resolve",
        {
            "common": {"kind": "secret", "project": "default", "environment": "dev", "scope": "app/web"},
            "refs": [{"name": "layered", **more} for more in [{}, {"scope": "project"}, {"environment": "prod"}]],
        },
        "runtime",
    )
    post(
        "resolve with errors",
        "/v1/resolve",
        {
            "refs": [
                {"kind": "secret", "project": "default", "environment": "dev", "name": name, **more}
                for name, more in [
                    ("db_passwrd", {}),
                    ("expired", {}),
                    ("db_password", {"version": "99"}),
                    ("db_password", {"version": "x"}),
                    ("warehouse", {"field": "nothing"}),
                    ("warehouse", {"reveal": True}),
                    ("binary", {"field": "a"}),
                    ("db_password", {}),
                    ("retired", {"project": "payments", "environment": "live"}),
                    ("db_password", {"environment": "nowhere"}),
                ]
            ]
        },
    )
    post("resolve as a viewer", "/v1/resolve", {"refs": refs[:1]}, "viewer")

    # Value: for callers that look at a status and one field.
    def value(title, **ref):
        post("value " + title, "/v1/value", {"project": "default", "environment": "dev", **ref}, "runtime")

    value("of a secret", name="db_password")
    value("that is JSON", name="service_login")
    value("that is not text", name="binary")
    value("of a field", name="warehouse", field="host")
    value("of a scoped value", kind="scoped_value", name="limits")
    value("that is missing", name="db_passwrd")
    value("of an unknown environment", name="db_password", environment="nowhere")

    # Apply: dry runs with every outcome, fingerprints, and a set that is repeated.
    changes = [
        change("set", "db_password", value="dGhpcmQtZGV2LXBhc3N3b3Jk"),
        change("set", "db_password", value="bmV3"),
        change("set", "brand_new", value="bmV3", type="passphrase", description="long enough? no"),
        change("create", "db_password", value="bmV3"),
        change("update", "nowhere", description="x"),
        change("delete", "db_password"),
        change("delete", "layered"),
        change("delete", "layered", environment="prod", scope="project"),
        change("update", "lines", rename="lines_2", labels={"a": "b"}, expect=1),
        change("update", "lines", expect=7),
        change("set", "region", "scoped_value", environment="*", json="eu-west-1"),
        change("set", "db_host", "scoped_value", environment="*", link={"secret": "warehouse", "field": "port"}),
        {"op": "delete", "kind": "environment", "project": "default", "name": "prod", "labels": None},
        {"op": "set", "kind": "project", "name": "payments", "labels": None, "policy": {"max_secrets": 51}},
        {**change("restore", "nothing"), "project": "payments", "environment": "live"},
    ]
    for i, c in enumerate(changes):
        post(f"dry run {i + 1}: {c['op']} {c['kind']} {c['name']}", "/v1/apply", {"changes": [c], "dry_run": True})
    key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    asked = [change("set", n) for n in ["db_password", "passphrase", "service_login"]]
    post("dry run with fingerprints", "/v1/apply", {"changes": asked, "dry_run": True, "fingerprint_key": key})
    asked = [{**change("set", "token"), "project": "legacy", "environment": "live"}]
    body = {"changes": asked, "dry_run": True, "fingerprint_key": key}
    post("dry run without fingerprints, which a policy forbids", "/v1/apply", body)
    post("a broken rule", "/v1/apply", {"changes": [change("set", "passphrase", value="c2hvcnQ=")]})

    # Mistakes.
    post("no token", "/v1/query", {"kind": "project"}, "")
    post("a revoked token", "/v1/query", {"kind": "project"}, "revoked")
    post("a mistyped token", "/v1/query", {"kind": "project"}, "pnct_mistyped")
    post("an unknown field", "/v1/query", {"kind": "project", "colour": "red"})
    post("an unknown route", "/v1/nothing", {})
    return r.calls


def record_cli():
    out = []

    def run(*args):
        p = subprocess.run([pouncet, *args, "--json"], cwd=here, capture_output=True, text=True)
        entry = {"args": [*args, "--json"], "exit": p.returncode}
        for stream in ["stdout", "stderr"]:
            try:
                entry[stream] = json.loads(getattr(p, stream))
            except ValueError:
                pass  # words for people
        out.append(entry)

    for noun in ["env", "type", "value"]:
        run(noun, "list")
    run("secret", "list", "--project", "infra")
    run("project", "list")
    run("token", "list")
    run("secret", "list", "--env", "dev", "--scope", "app/web")
    run("secret", "list", "--type", "database_connection")
    run("secret", "show", "db_password")
    run("value", "show", "limits", "--env", "dev", "--scope", "app/web")
    run("type", "show", "login")
    run("project", "show", "payments")
    run("env", "show", "eu")
    run("resolve", "db_password", "--env", "dev")
    run("resolve", "db_password", "--env", "dev", "--version", "previous")
    run("resolve", "warehouse", "--env", "prod", "--field", "host")
    run("resolve", "db_host", "--env", "dev", "--value")
    run("resolve", "binary", "--env", "dev")
    run("resolve", "db_passwrd", "--env", "dev")
    run("resolve", "expired", "--env", "dev")
    run("resolve", "card_key", "--env", "live", "--project", "payments", "--scope", "pipeline/settle")
    run("secret", "reveal", "passphrase", "--env", "dev")
    run("secret", "reveal", "warehouse", "--env", "prod")
    run("secret", "reveal", "warehouse", "--env", "*")
    run("secret", "delete", "db_password", "--env", "prod")
    run("secret", "delete", "db_password", "--env", "dev")
    run("secret", "delete", "nowhere", "--env", "dev")
    run("secret", "show", "nowhere")
    run("secret", "set", "db_password")
    run("secret", "rename", "token", "other", "--project", "legacy", "--env", "live")
    run("refs", "config")
    run("check", "config", "--env", "dev")
    run("check", "config", "--env", "prod", "--manifest", "manifest.json")
    run("check", "config/missing.yaml", "--env", "prod", "--baseline", "baseline.json")
    run("render", "config/io_config.yaml", "--env", "nowhere")
    run("render", "config/missing.yaml", "--env", "dev", "--missing", "null")
    run("nothing")
    run("secret", "list", "--project", "nowhere")
    return out


def slim(answer):
    """Leaves out what another run answers differently: the texts of built-in types,
    and the times at which a dry run says that things would have changed."""
    if isinstance(answer, dict) and answer.get("built_in"):
        return {k: answer[k] for k in ["kind", "id", "name", "built_in"]}
    if isinstance(answer, dict) and answer.get("action") == "update":
        times = ["updated_at", "value_at", "rotation_due_at"]
        answer = {**answer, "object": {k: v for k, v in answer["object"].items() if k not in times}}
    if isinstance(answer, dict):
        return {k: slim(v) for k, v in answer.items()}
    if isinstance(answer, list):
        return [slim(v) for v in answer]
    return answer


def write(name, entries):
    with open(f"{here}/{name}", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(slim(e), ensure_ascii=False) for e in entries) + "\n]\n")


@contextlib.contextmanager
def serving(backend):
    command = [pouncet, "server", "--listen", "127.0.0.1:0", "--quiet"]
    environment = {**os.environ, "POUNCET_HOME": backend}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://[^,\s]+", server.stderr.readline()).group()
    finally:
        server.terminate()
        server.wait()


# The writes go to the fixture. Everything else is asked of a copy, so that the
# audit log of the fixture stays small.
with serving(f"{here}/backend") as base:
    answers = record_writes(base)
with tempfile.TemporaryDirectory() as copy:
    shutil.copytree(f"{here}/backend", copy, dirs_exist_ok=True)
    with serving(copy) as base:
        answers += record_reads(base)
    os.environ["POUNCET_HOME"] = copy
    commands = record_cli()
write("http.json", answers)
write("cli.json", commands)
