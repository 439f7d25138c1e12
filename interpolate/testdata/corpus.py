"""Reads every file of the corpus with Python, and prints what stands under the keys k0, k1 and so on."""

import configparser
import io
import json
import re
import sys
import tomllib
import xml.etree.ElementTree

import yaml

KEY = re.compile(r"k\d+$")
try:
    import dotenv
except ImportError:
    dotenv = None


def collect(tree, out):
    if isinstance(tree, list):
        for item in tree:
            collect(item, out)
    if isinstance(tree, dict):
        for key, value in tree.items():
            if KEY.match(str(key)):
                out[key] = value
            elif str(key).endswith((".json", ".yaml", ".toml", ".ini")):
                collect(read(key.rsplit(".", 1)[1], value), out)
            else:
                collect(value, out)
    return out


def read(form, text):
    if form == "yaml":
        return list(yaml.load_all(text, yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader))
    if form == "json":
        return json.loads(text)
    if form == "toml":
        return tomllib.loads(text)
    if form == "ini":
        parser = configparser.ConfigParser(allow_no_value=True)
        parser.read_string(text)
        return {s: dict(parser[s]) for s in parser.sections()}
    if form == "xml":
        return [{**e.attrib, e.tag: e.text or ""} for e in xml.etree.ElementTree.fromstring(text.encode()).iter()]
    if form == "dotenv" and dotenv:
        return {k.lower(): v for k, v in dotenv.dotenv_values(stream=io.StringIO(text)).items()}
    return None


for line in sys.stdin:
    case = json.loads(line)
    tree = read(case["format"], case["text"])
    print(json.dumps(None if tree is None else collect(tree, {})))
