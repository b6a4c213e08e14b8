// Runs the query set on Oxigraph (WebAssembly) in this process: loads the parts, measures each text, writes the rows of the whole query.
// Usage: node oxigraph.js JOB RESULT
"use strict";
const fs = require("fs");
const path = require("path");

const [jobPath, resultPath] = process.argv.slice(2);
const answer = (result) => fs.writeFileSync(resultPath, JSON.stringify(result));

const installed = path.join(__dirname, "../../../../build/peers/node_modules/oxigraph");
let oxigraph;
try {
  oxigraph = require(installed);
} catch {
  answer({ problem: "not installed (tools/bootstrap --peers)" });
  process.exit(0);
}

const job = JSON.parse(fs.readFileSync(jobPath, "utf8"));
const store = new oxigraph.Store();
const milliseconds = () => Number(process.hrtime.bigint()) / 1e6;
const rounded = (value) => Number(value.toFixed(4));

// Every term is touched, as whoever uses a row does.
function run(text) {
  const rows = store.query(text);
  for (const row of rows) for (const term of row.values()) term.value;
  return rows.length;
}


function writeRows(text, file) {
  const result = JSON.parse(store.query(text, { results_format: "json" }));
  const lines = result.results.bindings.map((row) =>
    result.head.vars
      .map((name) => {
        const term = row[name];
        if (!term) return "";
        return term.type === "uri" ? "I" + term.value : "L" + (term.datatype || "") + "|" + term.value;
      })
      .join("\t") + "\n");
  fs.writeFileSync(file, lines.join(""));
}

function measured(query) {
  const out = { name: query.name };
  try {
    let begin = milliseconds();
    for (let i = 0; i < 5 && (i < 1 || milliseconds() - begin < job.budgetMs); ++i) out.rows = run(query.text);
    out.ms = [];
    begin = milliseconds();
    for (let i = 0; i < query.repetitions && (i < 3 || milliseconds() - begin < job.budgetMs); ++i) {
      const start = milliseconds();
      run(query.text);
      out.ms.push(rounded(milliseconds() - start));
    }
    out.wholeRows = path.join(job.folder, query.name + ".rows");
    writeRows(query.whole, out.wholeRows);
  } catch (problem) {
    out.problem = String(problem);
  }
  return out;
}

const result = { version: "Oxigraph " + require(installed + "/package.json").version + " (WebAssembly)" };
try {
  const begin = milliseconds();
  for (const part of job.parts) store.load(fs.readFileSync(part, "utf8"), { format: "nt", lenient: true, no_transaction: true });
  result.loadSeconds = rounded((milliseconds() - begin) / 1000);
  result.queries = job.queries.map(measured);
  result.memoryMib = rounded(process.memoryUsage().rss / (1 << 20));
} catch (problem) {
  result.problem = "failed while loading: " + String(problem);
}
answer(result);
