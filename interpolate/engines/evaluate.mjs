// SPDX-License-Identifier: MPL-2.0
// Evaluates the texts of standard input as GitHub Actions or as EJS does: JSON lines in, one JSON line out for each.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import {createInterface} from "node:readline";

const [engine, modules] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + "/"));

// The runner of GitHub Actions evaluates each ${{ }} in a string of the workflow. Strings in an expression are in
// single quotes, and can hold braces.
async function actions() {
  const {Lexer, Parser, Evaluator, data} = await import(
    pathToFileURL(modules + "/@actions/expressions/dist/index.js").href);
  const context = new data.Dictionary({key: "github", value: new data.Dictionary({key: "foo", value: new data.StringData("F")})});
  return (text) => text.replace(/\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}/g, (_, body) =>
    new Evaluator(new Parser(new Lexer(body).lex().tokens, ["github"], []).parse(), context).evaluate().coerceString());
}

async function ejs() {
  const library = require("ejs");
  return (text) => library.render(text, {foo: "F"});
}

const evaluate = await {actions, ejs}[engine]();
for await (const line of createInterface({input: process.stdin})) {
  let answer;
  try {
    answer = {out: evaluate(JSON.parse(line).text)};
  } catch (e) {
    answer = {error: String(e).slice(0, 200)};
  }
  console.log(JSON.stringify(answer));
}
