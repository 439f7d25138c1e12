# SPDX-License-Identifier: MPL-2.0
"""Reads secrets and scoped values from Pouncet by name.

    from pouncet import get_secret_value
    password = get_secret_value("db_password", env="prod")

If POUNCET_ENDPOINT is set, this module calls that server with POUNCET_TOKEN.
Otherwise it runs the program ``pouncet``, or the one that POUNCET_BINARY names,
which uses the embedded backend. POUNCET_ENV and POUNCET_PROJECT are the defaults
of env and project. POUNCET_CACERT is a PEM file of certificate authorities that
replace those of the system.

A value is text in UTF-8. Use get_secret_bytes for other values. No error holds a
value or the token.

This module needs Python 3.9 or later and only the standard library. Licence: MPL-2.0.
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

TIMEOUT = 30  # seconds, for the response of the server or the end of the program

_NO_DEFAULT = object()
_MAX_RESPONSE = 64 << 20  # bytes


class PouncetError(Exception):
    """An error, with a hint."""


class MissingError(PouncetError, LookupError):
    """The secret, the scoped value or its field does not exist in this environment."""


def get_secret_value(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
                     field: Optional[str] = None, version: Union[int, str, None] = None, default=_NO_DEFAULT):
    """Returns the value of a secret as text. If the secret does not exist, returns default, if it is given."""
    ref = _ref("secret", name, env, scope, project, field, version)
    return _text(ref, _resolve([ref])[0], default)


def get_secret_bytes(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
                     field: Optional[str] = None, version: Union[int, str, None] = None, default=_NO_DEFAULT):
    """Returns the value of a secret as bytes. If the secret does not exist, returns default, if it is given."""
    return _value_or_default(_resolve([_ref("secret", name, env, scope, project, field, version)])[0], default)


def get_secret_values(names: Iterable[str], env: Optional[str] = None, scope: Optional[str] = None,
                      project: Optional[str] = None, default=_NO_DEFAULT) -> dict:
    """Returns the values of several secrets by name. With a server it needs one request for all of them."""
    refs = [_ref("secret", name, env, scope, project, None, None) for name in dict.fromkeys(names)]
    results = _resolve(refs) if refs else []
    return {ref["name"]: _text(ref, result, default) for ref, result in zip(refs, results)}


def get_value(name: str, env: Optional[str] = None, scope: Optional[str] = None, project: Optional[str] = None,
              field: Optional[str] = None, default=_NO_DEFAULT):
    """Returns a scoped value as text. A value that is not a string is returned as JSON."""
    ref = _ref("scoped_value", name, env, scope, project, field, None)
    return _text(ref, _resolve([ref])[0], default)


def _ref(kind, name, env, scope, project, field, version) -> dict:
    env = env or os.environ.get("POUNCET_ENV")
    if not env:
        raise PouncetError("an environment is required for %s; pass env= or set POUNCET_ENV" % _quoted(name))
    ref = {
        "kind": kind, "name": name, "environment": env, "scope": scope, "field": field,
        "project": project or os.environ.get("POUNCET_PROJECT") or "default",
        "version": None if version is None else str(version),
    }
    for key, value in ref.items():
        if value is not None and not isinstance(value, str):
            raise PouncetError("%s must be a string, not %s" % (key, type(value).__name__))
    return {key: value for key, value in ref.items() if value}


def _text(ref, result, default):
    value = _value_or_default(result, default)
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        # Raised below and not here, because a chained UnicodeDecodeError holds the bytes.
        kind = ref["kind"].replace("_", " ")
        error = PouncetError("%s %s is not valid UTF-8; use get_secret_bytes" % (kind, _quoted(ref["name"])))
    raise error


def _value_or_default(result, default):
    if isinstance(result, MissingError) and default is not _NO_DEFAULT:
        return default
    if isinstance(result, Exception):
        raise result
    return result


def _resolve(refs: list) -> list:
    """Returns for each reference its bytes, or the error to raise."""
    endpoint = os.environ.get("POUNCET_ENDPOINT")
    return _call(endpoint, refs) if endpoint else [_run(ref) for ref in refs]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None  # the token must go to the endpoint only


def _call(endpoint: str, refs: list) -> list:
    url = urllib.parse.urlsplit(endpoint)
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise PouncetError("POUNCET_ENDPOINT must start with https://; http:// is for servers on this machine")
    request = urllib.request.Request(
        endpoint.rstrip("/") + "/v1/resolve", method="POST", data=json.dumps({"refs": refs}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "pouncet-python"})
    request.add_unredirected_header("Authorization", "Bearer " + os.environ.get("POUNCET_TOKEN", "").strip())
    authorities = os.environ.get("POUNCET_CACERT") or None
    try:
        handlers = [_NoRedirect(), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authorities))]
    except OSError:
        raise PouncetError("POUNCET_CACERT is not a file of certificates: %s" % _quoted(authorities)) from None
    if local:
        handlers.append(urllib.request.ProxyHandler({}))
    server = "%s://%s" % (url.scheme, url.netloc.rpartition("@")[2])
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT) as response:
            resolutions = json.loads(response.read(_MAX_RESPONSE))["resolutions"]
        return [_result(resolution) for resolution in resolutions]
    except urllib.error.HTTPError as e:
        error = _http_error(e, server)
    except (OSError, ValueError) as e:
        reason = getattr(e, "reason", e) if isinstance(e, OSError) else type(e).__name__
        error = PouncetError("calling %s: %s; check that the server runs and that POUNCET_ENDPOINT is correct"
                             % (server, reason))
    except (KeyError, TypeError):
        error = PouncetError("%s is not a Pouncet server; correct POUNCET_ENDPOINT" % server)
    raise error from None


def _result(resolution: dict):
    if "error" in resolution:
        return _error(resolution["error"])
    return base64.b64decode(resolution["value"])


def _http_error(e, server: str) -> PouncetError:
    try:
        return _error(json.loads(e.read(1 << 20))["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return PouncetError("%s returned status %s; check POUNCET_ENDPOINT" % (server, e.code))


def _error(error: dict) -> PouncetError:
    text = error["message"]
    if error.get("environments"):
        text += "; it exists in " + ", ".join(error["environments"])
    if error.get("near"):
        text += "; did you mean %s?" % error["near"]
    elif error.get("hint") and not error.get("environments"):
        text += "; " + error["hint"]
    # A missing environment or project is a mistake in the call, so a default does not hide it.
    missing = error["code"] == "not_found" and error.get("attribute") not in ("environment", "project")
    return (MissingError if missing else PouncetError)(text)


def _run(ref: dict):
    binary = os.environ.get("POUNCET_BINARY", "pouncet")
    command = [binary, "resolve", "--json", "--env=" + ref["environment"], "--project=" + ref["project"]]
    command += ["--%s=%s" % (key, ref[key]) for key in ("scope", "field", "version") if key in ref]
    command += ["--value"] * (ref["kind"] == "scoped_value") + ["--", ref["name"]]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
        output = json.loads(done.stdout if done.returncode == 0 else done.stderr)
        if done.returncode != 0:
            return _error(output["error"])
        return output["value"].encode() if "value" in output else base64.b64decode(output["value_base64"])
    except FileNotFoundError:
        error = PouncetError("program %s does not exist; install it, or set POUNCET_BINARY or POUNCET_ENDPOINT"
                             % _quoted(binary))
    except subprocess.TimeoutExpired:
        error = PouncetError("program %s took more than %s seconds" % (_quoted(binary), TIMEOUT))
    except (OSError, ValueError, KeyError, TypeError) as e:
        error = PouncetError("program %s returned an invalid result: %s" % (_quoted(binary), type(e).__name__))
    raise error from None


def _quoted(name) -> str:
    return json.dumps(str(name)[:300])
