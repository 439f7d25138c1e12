# SPDX-License-Identifier: MPL-2.0
"""Evaluates texts as Mage does, with Jinja and then PyYAML: {"secrets", "env", "texts"} in, a JSON list of values out. An
error is the text "error", and a date is the text that Python shows for it."""
import json
import sys

import jinja2
import yaml

case = json.load(sys.stdin)


def json_value(text, path):
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    for key in path if isinstance(path, list) else path.split("."):
        value = None if value is None else value.get(key)
    return value


functions = {
    "mage_secret_var": lambda name, repo_name=None: case["secrets"].get(name),
    "get_secret_value": lambda name: case["secrets"].get(name),
    "env_var": lambda name, default=None: case["env"].get(name, default),
    "json_value": json_value,
}


def evaluate(text):
    try:
        filled = jinja2.Environment().from_string(text).render(functions)
        return json.loads(json.dumps(yaml.load(filled, yaml.FullLoader), default=repr))
    except Exception:  # whatever Mage cannot fill in
        return "error"


json.dump([evaluate(text) for text in case["texts"]], sys.stdout)
