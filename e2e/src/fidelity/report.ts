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
  pg_stat_statements is asked for every suite; what it counts under ids that the log does not tell has a name below. libpq is made to trace
  by a preloaded library (\`e2e/libpqTrace\`) in psql, pgbench, pg_regress and isolation; libpq_pipeline traces itself.
- Pieces: a hop before and one behind the recorder (\`e2e/pieceHop\`) write every byte in pieces of that size, both ways, each when
  the kernel says that nothing lies unread in the reader's socket: what the recorder, the client and the server read is one piece.
  By strace, in pg_regress in pieces of 1 byte: 50,488 of the recorder's 50,600 reads from sockets were of one byte, 7,234 of 7,242 of the
  server's, 2,549 of 2,555 of psql's; the rest had come while the byte before was being read.
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

## What cannot be decoded, and what the record says then

| what | the record |
|---|---|
| a message behind a Sync that was sent while \`COPY FROM STDIN\` ran in the extended protocol, when that COPY fails: whether the server was still in copy mode when it read the Sync decides whether it answers it, and nothing on the wire tells | gap \`decode_lost\`, "a COPY failed before messages that may or may not have been read"; what was on its way is \`lost\`, its transaction \`unknown\`; the session is relayed on and not decoded any more |
| the same, when the message comes after the error and before a Sync | gap \`decode_lost\`, "a message after a failed COPY may or may not have been read"; the same |
| text in SQL_ASCII, MULE_INTERNAL, EUC_TW, JOHAB, EUC_JIS_2004 or SHIFT_JIS_2004 | \`unsure: encoding_without_decoder\`, the bytes in \`sql_raw\`; every other encoding is read as the server reads it, code by code (\`charsetOracle.test.ts\`) |
| names, roles and settings that code changes unseen (DO, CALL, functions) | \`unsure: names_hidden\`, \`role_hidden\`, \`search_path_hidden\` |
| a binary parameter of a type nobody told | \`enc: hex\` with its OID |
| text over the inspection limit | \`sql_unknown: over_inspection_limit\`, its length and SHA-256 |
| what GSS would encrypt; TLS without a certificate to serve; raw lanes | GSSENCRequest is answered \`N\`; gaps \`tls_no_certificate\`, \`raw_lane\` with bytes |

A server that speaks a protocol newer than 3.2 does not exist yet: what the recorder does before one (clamping) is tested on a scripted
server only. PQtrace and pg_stat_statements are not asked of the drivers (\`docs/drivers.md\`): only some of them are libpq.

The matchers are in \`e2e/src/fidelity/namedDifferences.ts\`, each with a test of its own.
`;
}
