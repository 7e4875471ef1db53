/** Turns a session's records into what a person sees when the tape is played: texts and the pauses between them. Pure. */
import type { RecordLine } from '@pgtape/evidence';
import { durationText, wallMs, wallText } from './format.ts';
import { type Paint, printable } from './paint.ts';

export interface Frame {
  /** Milliseconds after the session's start at which it is shown. */
  readonly atMs: number;
  readonly text: string;
}

type StatementRecord = Extract<RecordLine, { kind: 'statement' }>;
type OpenedRecord = Extract<RecordLine, { kind: 'opened' }>;

function valueText(param: NonNullable<StatementRecord['params']>[number]): string {
  if (param.v === null) return 'NULL';
  const text = param.enc === 'text' ? `'${printable(param.v)}'` : `\\x${param.v}`;
  return param.cut === true ? `${text}… (${param.len} bytes)` : text;
}

function resultText(record: StatementRecord, paint: Paint): string {
  const took = paint.dim(
    `  ${durationText(record.duration_ns)}${record.timing === 'batched' ? ' (batched)' : ''}`,
  );
  if (record.error !== undefined) {
    const detail = record.error.detail === undefined ? '' : `\n  DETAIL:  ${printable(record.error.detail)}`;
    const message = `${record.error.severity}:  ${record.error.sqlstate}: ${printable(record.error.message)}${detail}`;
    return `${paint.red(message)}${took}`;
  }
  if (record.outcome === 'skipped')
    return paint.yellow('never ran: an earlier error of the pipeline skipped it');
  if (record.outcome === 'lost') return paint.yellow('outcome unknown: the connection ended first');
  const returned =
    record.returned_rows > 0
      ? ` (${record.returned_rows} rows returned, ${record.returned_bytes} bytes)`
      : '';
  const copied =
    record.copy === undefined ? '' : ` (copy ${record.copy.direction}: ${record.copy.bytes} bytes)`;
  const more = record.outcome === 'suspended' ? ' more to fetch' : '';
  return `${paint.green(record.tag ?? record.outcome)}${more}${returned}${copied}${took}`;
}

function statementText(record: StatementRecord, prompt: string, paint: Paint): string {
  const sql =
    record.sql === null
      ? paint.dim(`(text unknown: ${record.sql_unknown ?? '?'})`)
      : printable(record.sql, true);
  const params = (record.params ?? [])
    .map((param, index) => `$${index + 1} = ${valueText(param)}`)
    .join(', ');
  const redacted =
    record.redacted === undefined ? '' : paint.dim(`  -- redacted: ${record.redacted.join(', ')}`);
  const lines = [`${paint.bold(`${prompt}=>`)} ${sql.trimEnd()}${redacted}`];
  if (params !== '') lines.push(paint.dim(`  ${params}`));
  return `${lines.join('\n')}\n`;
}

function openedText(record: OpenedRecord, paint: Paint): string {
  const from =
    record.client.port === 0 ? record.client.address : `${record.client.address}:${record.client.port}`;
  const who = `${record.user} in ${record.database} from ${from}`;
  const how = `${record.application_name || 'no application name'}, ${record.auth}, ${record.tls ? 'TLS' : 'no TLS'}, pid ${record.pid}`;
  return `${paint.cyan(`-- ${wallText(record.start)} ${printable(who)} (${printable(how)})`)}\n`;
}

function otherText(record: RecordLine, paint: Paint): string | null {
  switch (record.kind) {
    case 'closed': {
      const error = record.error === undefined ? '' : `: ${printable(record.error.message)}`;
      const reason = record.reason === undefined ? '' : ` (${printable(record.reason)})`;
      return paint.cyan(
        `-- ${record.why}${reason}${error}, ${record.statements} statements, ${durationText(record.duration_ns)}`,
      );
    }
    case 'transaction': {
      const ranges = record.ranges
        .map(([from, to]) => (from === to ? `#${from}` : `#${from}-#${to}`))
        .join(', ');
      const name = record.savepoint ?? record.gid;
      return paint.dim(
        `-- ${record.outcome}${name === undefined ? '' : ` ${printable(name)}`} ${ranges}`.trimEnd(),
      );
    }
    case 'running':
      return paint.dim(`-- still running after ${durationText(record.duration_ns)}`);
    case 'gap':
      return paint.yellow(`-- NOT RECORDED from here: ${record.reason}: ${printable(record.detail)}`);
    default:
      return null;
  }
}

/** The frames of one session's records, in the order of their ordinals. */
export function playScript(records: readonly RecordLine[], paint: Paint): Frame[] {
  const opened = records.find((record) => record.kind === 'opened');
  const origin = wallMs(opened?.start ?? records[0]?.at ?? '0');
  const prompt = opened === undefined ? '?' : printable(opened.database);
  const frames: Frame[] = [];
  const show = (ns: string, text: string): void => {
    frames.push({ atMs: Math.max(0, wallMs(ns) - origin), text });
  };
  for (const record of records) {
    if (record.kind === 'opened') show(record.start, openedText(record, paint));
    else if (record.kind === 'statement') {
      show(record.start, statementText(record, prompt, paint));
      frames.push({
        atMs: Math.max(0, wallMs(record.start) - origin) + record.duration_ns / 1e6,
        text: `${resultText(record, paint)}\n`,
      });
    } else {
      const text = otherText(record, paint);
      if (text !== null) show(record.at, `${text}\n`);
    }
  }
  return frames;
}
