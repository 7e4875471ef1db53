/** The matrix as Markdown: docs/drivers.md is this text, and nothing but this text. */

import type { Transport } from '../transport.ts';
import type { Driver } from './driver.ts';
import type { Cell } from './matrix.ts';
import { type NamedDifference, namedDifferences } from './tapeExecutions.ts';

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function sum(cells: readonly Cell[], value: (cell: Cell) => number): number {
  return cells.reduce((total, cell) => total + value(cell), 0);
}

/** Every difference that occurred, with how often. */
function differences(cells: readonly Cell[]): string[] {
  const names = Object.keys(namedDifferences) as NamedDifference[];
  return names.flatMap((name) => {
    const times = sum(cells, ({ tolerated }) => tolerated[name] ?? 0);
    return times === 0 ? [] : [row([`\`${name}\``, namedDifferences[name], times])];
  });
}

function matrixRow(driver: Driver, transport: Transport, cells: readonly Cell[]): string {
  const cell = cells.find((one) => one.driver === driver.name && one.transport === transport.name);
  if (cell === undefined) return row([driver.name, transport.name, '-', 'not run', '-', '-', '-']);
  const isIdentical = cell.findings.length === 0 ? 'yes' : `no: ${cell.findings.length} findings`;
  const { lines, steps, sessions, statements, compared } = cell;
  return row([
    driver.name,
    transport.name,
    `${steps} (${lines})`,
    isIdentical,
    sessions,
    statements,
    compared,
  ]);
}

/** The whole document. Times are left out: it changes only when a result does, or how often a scenario had to look. */
export function driversReport(
  drivers: readonly Driver[],
  transports: readonly Transport[],
  cells: readonly Cell[],
  pins: ReadonlyMap<Driver, string>,
): string {
  const failures = cells.filter(({ findings }) => findings.length > 0).length;
  return `# Drivers

Written by \`make drivers\`. Each driver runs its scenario (\`e2e/drivers\`) against PostgreSQL 18 directly and through the recorder,
and prints what it observed: rows, SQLSTATEs, counts. **identical** means that both transcripts are the same line for line, that the
archive holds the executions the server's own log tells of, in its order, with their texts, parameters and SQLSTATEs, for every
backend of the run, and that \`pgtape verify\` calls the archive complete. ${cells.length} runs, ${failures} with findings,
${sum(cells, ({ compared }) => compared)} executions compared.

| driver | what | pinned |
|---|---|---|
${drivers.map((driver) => row([driver.name, driver.title, pins.get(driver) ?? ''])).join('\n')}

| driver | transport | steps (lines) | identical | sessions | statements recorded | compared with the log |
|---|---|---|---|---|---|---|
${drivers.flatMap((driver) => transports.map((transport) => matrixRow(driver, transport, cells))).join('\n')}

## Where tape and log may differ

Nothing else is tolerated; values that are printed otherwise are settled by asking the server.

| name | what | times |
|---|---|---|
${differences(cells).join('\n')}
`;
}
