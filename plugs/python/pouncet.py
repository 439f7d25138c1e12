# SPDX-License-Identifier: MPL-2.0
"""Secrets and values from Pouncet, by name.

    from pouncet import get_secret_value
    password = get_secret_value("db_password", env="prod")

With POUNCET_ENDPOINT and POUNCET_TOKEN it asks that server; without, it runs
the program ``pouncet`` (POUNCET_BINARY names another), which finds the embedded
backend as it always does. POUNCET_ENV and POUNCET_PROJECT are used where a call
does not say; POUNCET_CACERT names a PEM file of the certificate authorities to
trust instead of the system's.

A value is text. One that is not, or that is wanted as it is, comes as bytes from
get_secret_bytes. No error holds a value or the token.

Python 3.9 or later, the standard library alone. Licence: MPL-2.0.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import Iterable, Optional, Union

__all__ = [
    "PouncetError", "MissingError", "get_secret_value", "get_secret_values", "get_secret_bytes", "get_value",
]

TIMEOUT = 30  # seconds, for the server's answer or the program's end

_NO_DEFAULT = object()
_MOST = 64 << 20  # bytes of an answer


class PouncetError(Exception):
    """What went wrong, and the way out."""


class MissingError(PouncetError, LookupError):
    """There is nothing under this name, in this environment."""


def get_secret_value(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
                     field: Optional[str] = None, version: Union[int, str, None] = None, default=_NO_DEFAULT):
    """The secret's value as text; default, if given, where there is none."""
    ref = _ref("secret", name, env, scope, project, field, version)
    return _text(ref, _resolve([ref])[0], default)


def get_secret_bytes(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
                     field: Optional[str] = None, version: Union[int, str, None] = None, default=_NO_DEFAULT):
    """The same as bytes."""
    return _given(_resolve([_ref("secret", name, env, scope, project, field, version)])[0], default)


def get_secret_values(names: Iterable[str], env: Optional[str] = None, scope: Optional[str] = None,
                      project: Optional[str] = None, default=_NO_DEFAULT) -> dict:
    """Several secrets by their names; a server is asked for all of them at once."""
    refs = [_ref("secret", name, env, scope, project, None, None) for name in dict.fromkeys(names)]
    found = _resolve(refs) if refs else []
    return {ref["name"]: _text(ref, f, default) for ref, f in zip(refs, found)}


def get_value(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
              field: Optional[str] = None, default=_NO_DEFAULT):
    """A scoped value, as text: a JSON value that is no string comes as JSON."""
    ref = _ref("scoped_value", name, env, scope, project, field, None)
    return _text(ref, _resolve([ref])[0], default)


def _ref(kind, name, env, scope, project, field, version) -> dict:
    env = env or os.environ.get("POUNCET_ENV")
    if not env:
        raise PouncetError("no environment for %s: say env=, or set POUNCET_ENV" % _quoted(name))
    ref = {
        "kind": kind, "name": name, "environment": env, "scope": scope, "field": field,
        "project": project or os.environ.get("POUNCET_PROJECT") or "default",
        "version": None if version is None else str(version),
    }
    for key, value in ref.items():
        if value is not None and not isinstance(value, str):
            raise PouncetError("%s of a reference is a string, not %s" % (key, type(value).__name__))
    return {key: value for key, value in ref.items() if value}


def _text(ref, found, default):
    value = _given(found, default)
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        # Not chained: that error holds the bytes.
        error = PouncetError("%s %s is not text: use get_secret_bytes" % (ref["kind"].replace("_", " "), _quoted(ref["name"])))
    raise error


def _given(found, default):
    if isinstance(found, MissingError) and default is not _NO_DEFAULT:
        return default
    if isinstance(found, Exception):
        raise found
    return found


def _resolve(refs: list) -> list:
    """For each reference its bytes, or the error to raise."""
    endpoint = os.environ.get("POUNCET_ENDPOINT")
    return _ask(endpoint, refs) if endpoint else [_run(ref) for ref in refs]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None  # the token goes to the endpoint and to nobody else


def _ask(endpoint: str, refs: list) -> list:
    url = urllib.parse.urlsplit(endpoint)
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise PouncetError("POUNCET_ENDPOINT is not an https:// address: only this machine is spoken to without TLS")
    request = urllib.request.Request(
        endpoint.rstrip("/") + "/v1/resolve", method="POST", data=json.dumps({"refs": refs}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "pouncet-python"})
    request.add_unredirected_header("Authorization", "Bearer " + os.environ.get("POUNCET_TOKEN", "").strip())
    authorities = os.environ.get("POUNCET_CACERT") or None
    try:
        handlers = [_NoRedirect(), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authorities))]
    except OSError:
        raise PouncetError("POUNCET_CACERT names no file of certificates: %s" % _quoted(authorities)) from None
    if local:
        handlers.append(urllib.request.ProxyHandler({}))
    where = "%s://%s" % (url.scheme, url.netloc.rpartition("@")[2])
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT) as response:
            answer = json.loads(response.read(_MOST))["resolutions"]
        return [_found(resolution) for resolution in answer]
    except urllib.error.HTTPError as e:
        error = _refusal(e, where)
    except (OSError, ValueError) as e:
        reason = getattr(e, "reason", e) if isinstance(e, OSError) else type(e).__name__
        error = PouncetError("asking %s: %s; is POUNCET_ENDPOINT right, and the server up?" % (where, reason))
    except (KeyError, TypeError):
        error = PouncetError("%s does not answer as pouncet does; is POUNCET_ENDPOINT right?" % where)
    raise error from None


def _found(resolution: dict):
    if "error" in resolution:
        return _error(resolution["error"])
    return base64.b64decode(resolution["value"])


def _refusal(e, where: str) -> PouncetError:
    try:
        return _error(json.loads(e.read(1 << 20))["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return PouncetError("asking %s: it answers %s; is POUNCET_ENDPOINT right?" % (where, e.code))


def _error(told: dict) -> PouncetError:
    text = told["message"]
    if told.get("environments"):
        text += "; it exists in " + ", ".join(told["environments"])
    if told.get("near"):
        text += "; did you mean %s?" % told["near"]
    elif told.get("hint") and not told.get("environments"):
        text += "; " + told["hint"]
    # That there is no such environment is a mistake in the call, and no default helps.
    missing = told["code"] == "not_found" and told.get("attribute") not in ("environment", "project")
    return (MissingError if missing else PouncetError)(text)


def _run(ref: dict):
    binary = os.environ.get("POUNCET_BINARY", "pouncet")
    command = [binary, "resolve", "--json", "--env=" + ref["environment"], "--project=" + ref["project"]]
    command += ["--%s=%s" % (key, ref[key]) for key in ("scope", "field", "version") if key in ref]
    command += ["--value"] * (ref["kind"] == "scoped_value") + ["--", ref["name"]]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
        answer = json.loads(done.stdout if done.returncode == 0 else done.stderr)
        if done.returncode != 0:
            return _error(answer["error"])
        return answer["value"].encode() if "value" in answer else base64.b64decode(answer["value_base64"])
    except FileNotFoundError:
        error = PouncetError("there is no program %s: install it, name it by POUNCET_BINARY, "
                             "or set POUNCET_ENDPOINT" % _quoted(binary))
    except subprocess.TimeoutExpired:
        error = PouncetError("%s took more than %s s" % (binary, TIMEOUT))
    except (OSError, ValueError, KeyError, TypeError) as e:
        error = PouncetError("%s cannot be used: %s" % (binary, type(e).__name__))
    raise error from None


def _quoted(name) -> str:
    return json.dumps(str(name)[:300])
