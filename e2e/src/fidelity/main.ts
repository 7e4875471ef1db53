/**
 * Runs the matrix and writes docs/fidelity.md.
 *
 * `--fresh` runs again what this machine has run; `--only TEXT` runs only rows whose name holds TEXT (`15 /`, `pgbench`, `1 byte`);
 * `--report` runs nothing. Rows that are not run keep what docs/fidelity.jsonl says of them. Exits 1 when a row that was run is not
 * identical or has an unnamed difference.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cacheDir } from '../cache.ts';
import { buildOf } from './builds.ts';
import { type Row, rowName, rowsFor } from './matrix.ts';
import { report } from './report.ts';
import { runDirect, runRecorded } from './row.ts';
import {
  committedRows,
  loadState,
  type RowOutcome,
  type RunState,
  rowsText,
  saveOutcome,
} from './runState.ts';
import { passed, sameResult } from './suites.ts';

const { values } = parseArgs({
  options: { fresh: { type: 'boolean' }, only: { type: 'string' }, report: { type: 'boolean' } },
});
const stateFile = join(cacheDir('fidelity'), 'state.jsonl');
const rowsFile = fileURLToPath(new URL('../../../docs/fidelity.jsonl', import.meta.url));
const reportFile = fileURLToPath(new URL('../../../docs/fidelity.md', import.meta.url));
const findingsFile = join(cacheDir('fidelity'), 'findings.txt');
const say = (text: string): void => void process.stderr.write(`fidelity: ${text}\n`);

async function runRow(row: Row, state: RunState): Promise<RowOutcome> {
  const build = buildOf(row.major);
  const directName = `${row.major} / ${row.suite.name}${row.transport.tls === true ? ' / TLS' : ''}`;
  if (state.direct[directName] === undefined) {
    say(`${directName}, directly ...`);
    const { tests, output } = await runDirect(build, row.suite, row.transport);
    state.direct[directName] = { tests, output };
    saveOutcome(stateFile, { kind: 'direct', name: directName, outcome: state.direct[directName] });
  }
  const direct = state.direct[directName];
  say(`${rowName(row)} ...`);
  const { result, oracle, seconds } = await runRecorded(build, row.suite, row.transport);
  return {
    version: build.version,
    passed: passed(result),
    directPassed: passed(direct),
    total: Object.keys(direct.tests).length,
    identical: sameResult(direct, result),
    oracle,
    seconds: Math.round(seconds),
    date: new Date().toISOString().slice(0, 10),
  };
}

function tell(name: string, outcome: RowOutcome, at: string): void {
  const { oracle } = outcome;
  say(
    `${at} ${name}: ${outcome.passed}/${outcome.total} (direct ${outcome.directPassed}), ` +
      `${outcome.identical ? 'identical' : 'NOT identical'}, ${oracle.events} compared, ${JSON.stringify(oracle.named)}, ` +
      `${oracle.unnamedCount} unnamed, ${outcome.seconds} s`,
  );
  if (oracle.unnamedCount > 0) {
    writeFileSync(findingsFile, `${name}\n${oracle.unnamed.join('\n')}\n\n`, { flag: 'a' });
    say(`  see ${findingsFile}`);
  }
}

const isFine = ({ identical, oracle }: RowOutcome): boolean => identical && oracle.unnamedCount === 0;

const state = loadState(stateFile, values.fresh ?? false);
const rows = rowsFor([14, 15, 16, 17, 18]);
const wanted = values.report ? [] : rows.filter((row) => rowName(row).includes(values.only ?? ''));
for (const [index, row] of wanted.entries()) {
  const name = rowName(row);
  const before = state.rows[name];
  // A row that failed is run again.
  if (before !== undefined && isFine(before)) continue;
  const outcome = await runRow(row, state);
  state.rows[name] = outcome;
  saveOutcome(stateFile, { kind: 'rows', name, outcome });
  tell(name, outcome, `[${index + 1}/${wanted.length}]`);
}
const names = rows.map(rowName);
const told = { ...committedRows(rowsFile, names), ...loadState(stateFile, false).rows };
writeFileSync(rowsFile, rowsText(told, names));
writeFileSync(reportFile, report(rows, told));
const bad = wanted.map(rowName).filter((name) => told[name] === undefined || !isFine(told[name]));
for (const name of bad) say(`not as it should be: ${name}`);
say(`wrote ${reportFile}`);
process.exitCode = bad.length === 0 ? 0 : 1;
