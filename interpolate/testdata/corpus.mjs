// Reads every file of the corpus with Node.js, and prints what stands under the keys k0, k1 and so on.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseEnv } from "node:util";
import { runInNewContext } from "node:vm";

const yaml = createRequire(process.argv[2])("yaml");

function collect(tree, out) {
  if (tree === null || typeof tree !== "object") return out;
  for (const [key, value] of Object.entries(tree)) {
    const file = /\.(json|yaml)$/.exec(key);
    if (/^k\d+$/.test(key)) out[key] = value;
    else if (file) collect(read(file[1], value), out);
    else if (!/\.(toml|ini)$/.test(key)) collect(value, out);
  }
  return out;
}

function read(format, text) {
  switch (format) {
    case "yaml":
      return yaml.parseAllDocuments(text).map((d) => {
        if (d.errors.length > 0) throw d.errors[0];
        return d.toJS();
      });
    case "json":
      return JSON.parse(text);
    case "jsonc":
      return runInNewContext("(" + text + ")");
    case "dotenv":
      return parseEnv && Object.fromEntries(Object.entries(parseEnv(text)).map(([k, v]) => [k.toLowerCase(), v]));
  }
}

for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const { format, text } = JSON.parse(line);
  const tree = read(format, text);
  console.log(JSON.stringify(tree ? collect(tree, {}) : null));
}
