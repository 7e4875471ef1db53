/** docs/fidelity.md: what the last run of the matrix found. Pure. */

import { type Row, rowName } from './matrix.ts';
import { namedDifferences } from './namedDifferences.ts';
import type { RowOutcome } from './runState.ts';

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

function line(row: Row, outcome: RowOutcome | undefined): string {
  if (outcome === undefined) {
    return `| ${row.major} | ${row.suite.name} | ${row.transport.name} | not run | | | | | | | | |`;
  }
  const { oracle } = outcome;
  const cells = [
    outcome.version,
    row.suite.name,
    row.transport.name,
    `${outcome.directPassed}/${outcome.total}`,
    `${outcome.passed}/${outcome.total}`,
    outcome.identical ? 'yes' : 'NO',
    `${oracle.events}`,
    `${total(Object.values(oracle.named))}`,
    `${oracle.unnamedCount}`,
    oracle.traces === 0 ? '' : `${oracle.traces}`,
    oracle.queries === 0 ? '' : `${oracle.queries}`,
    outcome.date,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** @param rows the whole matrix; what was not run says so. */
export function report(rows: readonly Row[], outcomes: Readonly<Record<string, RowOutcome>>): string {
  const done = rows.flatMap((row) => outcomes[rowName(row)] ?? []);
  const dates = done.map(({ date }) => date).sort();
  const named = namedDifferences.map(({ name, reason }) => {
    const count = total(done.map(({ oracle }) => oracle.named[name] ?? 0));
    return `| \`${name}\` | ${count} | ${reason} |`;
  });
  return `# Fidelity

Written by \`make fidelity\`; last run ${dates.at(-1) ?? 'never'}. PostgreSQL's own suites, from Debian's source packages, against a
server directly and through the recorder; then the server's own log (jsonlog, every statement) beside the tape.

- *identical*: the same tests passed, and what the suite wrote (regression.diffs, traces, output) is the same.
- *compared*: events of the server's log (statement, Execute, FunctionCall, error), each with backend PID, order, text, parameters and
  SQLSTATE, that the tape has exactly so. *named*: differences with a name, below. *unnamed*: differences without one.
- *traced*: sessions whose Query and Execute, CommandComplete and its like, ErrorResponse and DataRow are on the tape exactly as often as
  in libpq's own trace (PQtrace). *counted*: queries whose calls and rows on the tape equal pg_stat_statements'.
- Pieces: a hop before and one behind the recorder (\`e2e/pieceHop\`) write every byte in pieces of that size, both ways, each when
  the kernel says that nothing lies unread in the reader's socket: what the recorder, the client and the server read is one piece.
- TLS: every session on both legs, the recorder checking the server's certificate.

| PostgreSQL | suite | transport | direct | recorded | identical | compared | named | unnamed | traced | counted | run |
|---|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => line(row, outcomes[rowName(row)])).join('\n')}

In all: ${total(done.map(({ oracle }) => oracle.events))} events compared; ${total(done.map(({ oracle }) => oracle.traces))} sessions whose
message counts equal libpq's trace; ${total(done.map(({ oracle }) => oracle.queries))} queries whose calls and rows equal pg_stat_statements.

## Named differences

| name | times | reason |
|---|---|---|
${named.join('\n')}

The matchers are in \`e2e/src/fidelity/namedDifferences.ts\`, each with a test of its own.
`;
}
