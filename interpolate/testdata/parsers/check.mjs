// Reads every case of the test with the npm package yaml, as YAML 1.2 and 1.1.
// check.py explains what a case is.
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

const placeholder = "PLACEHOLDER";

function read(text, version) {
  try {
    const documents = parseAllDocuments(text, { version, logLevel: "silent" });
    const errors = documents.flatMap((d) => d.errors);
    return errors.length > 0 ? { error: errors[0].message } : { trees: documents.map((d) => d.toJS()) };
  } catch (error) {
    return { error: String(error) };
  }
}

function fill(tree, value) {
  if (typeof tree === "string") return tree.replaceAll(placeholder, () => value);
  if (Array.isArray(tree)) return tree.map((t) => fill(t, value));
  if (tree && typeof tree === "object") {
    return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, fill(v, value)]));
  }
  return tree;
}

const templates = new Map();
let count = 0;
for (const line of readFileSync(process.argv[2], "utf8").split("\n")) {
  if (line === "") continue;
  const { name, template, rendered, value } = JSON.parse(line);
  count++;
  for (const version of ["1.2", "1.1"]) {
    const key = version + template;
    if (!templates.has(key)) templates.set(key, read(template, version));
    const want = templates.get(key);
    const got = read(rendered, version);
    if (want.error) {
      console.log(`yaml ${version}: ${name}: the template: ${want.error}`);
    } else if (got.error || JSON.stringify(got.trees) !== JSON.stringify(fill(want.trees, value))) {
      const result = JSON.stringify(got).slice(0, 300);
      console.log(`yaml ${version}: ${name}: ${JSON.stringify(rendered).slice(0, 200)} is ${result}`);
    }
  }
}
console.log(`read ${count} with yaml`);
