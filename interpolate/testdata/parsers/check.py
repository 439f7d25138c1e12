"""Reads every case of the test with the YAML parsers of Python that are installed.

A case is a template with a placeholder, a value, and the rendered text. The tree of the rendered text must be the tree
of the template, with the value instead of the placeholder: the same node types, tags and text.
"""

import json
import sys

import yaml

PLACEHOLDER = "PLACEHOLDER"
SLOW = 4096  # characters; the parser written in Python skips longer cases


def pyyaml(loader):
    return lambda text: list(yaml.compose_all(text, Loader=loader))


readers = {"PyYAML": (pyyaml(yaml.SafeLoader), SLOW)}
if yaml.__with_libyaml__:
    readers["libyaml"] = (pyyaml(yaml.CSafeLoader), None)


def tree(node):
    if node is None:
        return None
    if isinstance(node.value, str):
        return [str(node.tag), node.value]
    children = [child if isinstance(child, tuple) else (child,) for child in node.value]
    return [str(node.tag), [tree(part) for child in children for part in child]]


def fill(node, value):
    if isinstance(node, str):
        return node.replace(PLACEHOLDER, value)
    if isinstance(node, list):
        return [fill(child, value) for child in node]
    return node


def read(reader, text):
    try:
        return [tree(node) for node in reader(text.encode("utf-8"))]
    except Exception as error:  # the test reports every error
        return str(error)


templates = {}
count = 0
for line in open(sys.argv[1], encoding="utf-8"):
    case = json.loads(line)
    count += 1
    for name, (reader, most) in readers.items():
        if most and len(case["rendered"]) > most:
            continue
        key = (name, case["template"])
        if key not in templates:
            templates[key] = read(reader, case["template"])
        want, got = templates[key], read(reader, case["rendered"])
        if isinstance(want, str):
            print(f"{name}: {case['name']}: the template: {want}"[:600])
        elif isinstance(got, str) or got != fill(want, case["value"]):
            print(f"{name}: {case['name']}: {case['rendered']!r:.200} is {got!r:.300}")
print("read", count, "with", ", ".join(readers))
