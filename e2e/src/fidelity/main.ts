/**
 * Runs the matrix and writes docs/fidelity.md.
 *
 * `--fresh` forgets earlier results; `--only TEXT` runs only rows whose name holds TEXT (`15 /`, `pgbench`, `1 byte`); `--report` runs
 * nothing. Exits 1 when a row is not identical or has an unnamed difference.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildOf, cacheDir } from './builds.ts';
import { type Row, rowName, rowsFor } from './matrix.ts';
import { report } from './report.ts';
import { runDirect, runRecorded } from './row.ts';
import { loadState, type RowOutcome, type RunState, saveState } from './runState.ts';
import { passed, sameResult } from './suites.ts';

const { values } = parseArgs({
  options: { fresh: { type: 'boolean' }, only: { type: 'string' }, report: { type: 'boolean' } },
});
const stateFile = join(cacheDir(), 'state.json');
const reportFile = fileURLToPath(new URL('../../../docs/fidelity.md', import.meta.url));
const findingsFile = join(cacheDir(), 'findings.txt');
const say = (text: string): void => void process.stderr.write(`fidelity: ${text}\n`);

async function runRow(row: Row, state: RunState): Promise<RowOutcome> {
  const build = buildOf(row.major);
  const directName = `${row.major} / ${row.suite.name}${row.transport.tls === true ? ' / TLS' : ''}`;
  if (state.direct[directName] === undefined) {
    say(`${directName}, directly ...`);
    const { tests, output } = await runDirect(build, row.suite, row.transport);
    state.direct[directName] = { tests, output };
    saveState(stateFile, state);
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
const rows = rowsFor([15, 16, 17, 18]);
const wanted = values.report ? [] : rows.filter((row) => rowName(row).includes(values.only ?? ''));
for (const [index, row] of wanted.entries()) {
  const name = rowName(row);
  const before = state.rows[name];
  // A row that failed is run again.
  if (before !== undefined && isFine(before)) continue;
  const outcome = await runRow(row, state);
  state.rows[name] = outcome;
  saveState(stateFile, state);
  tell(name, outcome, `[${index + 1}/${wanted.length}]`);
}
writeFileSync(reportFile, report(rows, state.rows));
const bad = Object.entries(state.rows).filter(([, outcome]) => !isFine(outcome));
for (const [name] of bad) say(`not as it should be: ${name}`);
say(`wrote ${reportFile}`);
process.exitCode = bad.length === 0 ? 0 : 1;
