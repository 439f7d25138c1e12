# SPDX-License-Identifier: MPL-2.0
"""Reads texts as Mage does, which fills in what remains of Jinja and then parses YAML: a JSON list of texts in, a JSON
list of values out. An error is the text "error", and a date is the text that Python shows for it."""
import json
import sys

import jinja2
import yaml

remaining = {"mage_secret_var": lambda name: "", "get_secret_value": lambda name: ""}  # in comments


def read(text):
    try:
        filled = jinja2.Environment(keep_trailing_newline=True).from_string(text).render(remaining)
        # JSON has no dates, and no keys but strings.
        return json.loads(json.dumps(yaml.load(filled, yaml.FullLoader), default=repr))
    except (yaml.YAMLError, jinja2.TemplateError):
        return "error"


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
