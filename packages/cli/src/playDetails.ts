/**
 * What a played statement says besides its text and outcome: what it ran, as whom, what is uncertain, and what
 * the server told unasked. Pure.
 */
import type { Notice, RecordLine } from '@pgtape/evidence';
import { plural } from './format.ts';
import { type Paint, printable } from './paint.ts';

type StatementRecord = Extract<RecordLine, { kind: 'statement' }>;
type Replication = NonNullable<StatementRecord['replication']>;

function runsText({ name, sql, sql_unknown }: NonNullable<StatementRecord['runs']>): string {
  const text = sql === null ? `text unknown: ${sql_unknown}` : printable(sql.trimEnd(), true);
  return `${printable(name)} runs: ${text}`;
}

function replicationText(replication: Replication): string {
  const { command, slot, first, last, flushed, bytes_from_server } = replication;
  const parts = [command, ...(slot === undefined ? [] : [`slot ${printable(slot)}`])];
  if (first !== undefined) parts.push(`WAL ${first} to ${last ?? first}`);
  if (flushed !== undefined) parts.push(`flushed to ${flushed}`);
  if (bytes_from_server > 0) parts.push(`${plural(bytes_from_server, 'byte')} streamed`);
  return parts.join(', ');
}

/** Lines under the statement; `user` is who logged in: a role is told only where it is another one. */
export function detailsText(record: StatementRecord, user: string, paint: Paint): string {
  const lines: string[] = [];
  if (record.runs !== undefined) lines.push(runsText(record.runs));
  if (record.role !== undefined && record.role !== user) lines.push(`as role ${printable(record.role)}`);
  if (record.replication !== undefined) lines.push(replicationText(record.replication));
  if (record.unsure !== undefined) lines.push(`unsure: ${record.unsure.join(', ')}`);
  return lines.map((line) => `${paint.dim(`  ${line}`)}\n`).join('');
}

/** As psql shows them. */
export function noticesText(notices: readonly Notice[], more: number, paint: Paint): string {
  const lines = notices.map(
    ({ severity, sqlstate, message }) => `  ${severity}:  ${sqlstate}: ${printable(message)}`,
  );
  if (more > 0) lines.push(`  and ${plural(more, 'notice')} more`);
  return lines.map((line) => `${paint.yellow(line)}\n`).join('');
}
