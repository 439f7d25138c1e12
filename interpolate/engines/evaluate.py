# SPDX-License-Identifier: MPL-2.0
"""Evaluates the texts of standard input as Jinja or as Ansible does: JSON lines in, one JSON line out for each."""
import json
import sys


def jinja(case):
    import jinja2

    environment = jinja2.Environment(keep_trailing_newline=True)
    return environment.from_string(case["text"]).render(foo="F")


def ansible(case):
    # Ansible parses YAML first, and evaluates each string of the tree.
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

    loader = DataLoader()
    tree = loader.load(case["text"])
    return json.dumps(Templar(loader=loader, variables={"foo": "F"}).template(tree))


for line in sys.stdin:
    case = json.loads(line)
    try:
        answer = {"out": {"jinja": jinja, "ansible": ansible}[sys.argv[1]](case)}
    except Exception as e:
        answer = {"error": str(e)[:200]}
    print(json.dumps(answer))
