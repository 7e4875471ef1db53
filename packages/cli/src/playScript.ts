/** Turns a session's records into what a person sees when the tape is played: texts and the moments they are due. Pure. */
import type { RecordLine } from '@pgtape/evidence';
import { durationText, plural, wallMs, wallText } from './format.ts';
import { type Paint, printable } from './paint.ts';
import { detailsText, noticesText } from './playDetails.ts';

export interface Frame {
  /** Milliseconds since 1970 at which it happened. */
  readonly atMs: number;
  /** `statement`: what was sent; `result`: what came of it; `note`: everything else. */
  readonly kind: 'statement' | 'result' | 'note';
  /** Whole lines. */
  readonly text: string;
}

type StatementRecord = Extract<RecordLine, { kind: 'statement' }>;
type OpenedRecord = Extract<RecordLine, { kind: 'opened' }>;
type RunningRecord = Extract<RecordLine, { kind: 'running' }>;

/** A silence from this length on is named, so that a cut pause is not taken for none. */
const silenceMs = 60_000;

function valueText(param: NonNullable<StatementRecord['params']>[number]): string {
  if (param.v === null) return 'NULL';
  const text = param.enc === 'text' ? `'${printable(param.v)}'` : `\\x${param.v}`;
  return param.cut === true ? `${text}… (${param.len} bytes)` : text;
}

function errorText(error: NonNullable<StatementRecord['error']>): string {
  const lines = [`${error.severity}:  ${error.sqlstate}: ${error.message}`];
  if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`);
  return lines.map((line) => printable(line)).join('\n  ');
}

function outcomeText(record: StatementRecord, paint: Paint): string {
  if (record.error !== undefined) return paint.red(errorText(record.error));
  switch (record.outcome) {
    case 'skipped':
      return paint.yellow('never ran: an earlier error of the pipeline skipped it');
    case 'lost':
      return paint.yellow('outcome unknown: the connection ended first');
    case 'suspended':
      return paint.green('suspended, more rows to fetch');
    case 'empty':
      return paint.green('empty query');
    default:
      return paint.green(printable(record.tag ?? record.outcome));
  }
}

function resultText(record: StatementRecord, paint: Paint): string {
  const counts: string[] = [];
  if (record.returned_rows > 0) {
    counts.push(`${plural(record.returned_rows, 'row')} returned, ${plural(record.returned_bytes, 'byte')}`);
  }
  if (record.copy !== undefined) {
    counts.push(`copy ${record.copy.direction}: ${plural(record.copy.bytes, 'byte')}`);
  }
  const count = counts.length === 0 ? '' : ` (${counts.join('; ')})`;
  // What never ran took no time.
  const took = record.outcome === 'skipped' ? '' : `  ${durationText(record.duration_ns)}`;
  const batched = took !== '' && record.timing === 'batched' ? ' at most' : '';
  return `  ${outcomeText(record, paint)}${count}${paint.dim(took + batched)}\n`;
}

function sqlText(record: StatementRecord | RunningRecord): string {
  const { sql } = record;
  const known = sql === null ? '(text unknown)' : printable(sql.trimEnd(), true);
  return record.sql_cut === undefined ? known : `${known}… (${record.sql_cut.len} bytes)`;
}

function sentText(record: StatementRecord | RunningRecord, prompt: string, paint: Paint): string {
  const when = wallText(record.start).slice(11, -1);
  const redacted =
    record.redacted === undefined ? '' : paint.dim(`  -- redacted: ${record.redacted.join(', ')}`);
  const ordinal = record.kind === 'statement' ? `#${record.n}` : '#?';
  return `${paint.dim(`${ordinal} ${when}`)}  ${paint.bold(`${prompt}=>`)} ${sqlText(record)}${redacted}\n`;
}

function paramsText(record: StatementRecord, paint: Paint): string {
  const params = record.params ?? [];
  if (params.length === 0) return '';
  return `${paint.dim(`  ${params.map((param, index) => `$${index + 1} = ${valueText(param)}`).join(', ')}`)}\n`;
}

function whyUnknown(record: StatementRecord, paint: Paint): string {
  return record.sql_unknown === undefined ? '' : `${paint.dim(`  text unknown: ${record.sql_unknown}`)}\n`;
}

function cancelled(session: string): string {
  return session === 'unknown' ? 'a session that is not open here' : session;
}

function openedText(record: OpenedRecord, paint: Paint): string {
  const from =
    record.client.port === 0 ? record.client.address : `${record.client.address}:${record.client.port}`;
  const who = `${record.user} in ${record.database} from ${from}`;
  const how = [
    record.application_name === '' ? 'no application name' : record.application_name,
    record.auth,
    record.tls_client?.version ?? (record.tls ? 'TLS' : 'no TLS'),
    ...(record.tls_client?.certificate === undefined
      ? []
      : [`certificate ${record.tls_client.certificate.subject}`]),
    `pid ${record.pid}`,
    ...(record.cancels === undefined ? [] : [`asks to cancel ${cancelled(record.cancels)}`]),
    ...(record.ready ? [] : ['never became ready']),
  ];
  return `${paint.cyan(`-- ${wallText(record.start)}  ${printable(who)}`)}\n${paint.cyan(`--   ${printable(how.join(', '))}`)}\n`;
}

function rangesText(ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([from, to]) => (from === to ? `#${from}` : `#${from}-#${to}`)).join(', ');
}

function noteText(record: RecordLine, paint: Paint): string | null {
  switch (record.kind) {
    case 'closed': {
      const error = record.error === undefined ? '' : `: ${printable(record.error.message)}`;
      const reason = record.reason === undefined ? '' : ` (${printable(record.reason)})`;
      const why = record.why.replaceAll('_', ' ');
      const what = `${plural(record.statements, 'statement')}, ${durationText(record.duration_ns)}`;
      return paint.cyan(`-- ${wallText(record.at)}  ${why}${reason}${error}; ${what}`);
    }
    case 'transaction': {
      const name = record.savepoint ?? record.gid;
      const what = `${record.outcome.replaceAll('_', ' ')}${name === undefined ? '' : ` (${printable(name)})`}`;
      return paint.dim(`  -- ${what}: ${rangesText(record.ranges)}`);
    }
    case 'notices':
      return noticesText(record.notices, record.notices_more, paint).trimEnd();
    case 'notification': {
      const what = `notification on ${printable(record.channel)} from pid ${record.pid}`;
      return paint.cyan(`-- ${what}: ${printable(record.payload)}`);
    }
    case 'gap':
      return paint.yellow(`-- NOT RECORDED from here: ${record.reason}: ${printable(record.detail)}`);
    default:
      return null;
  }
}

/** Makes the frames of one session's records, given in the order of their ordinals. */
export class PlayScript {
  readonly #paint: Paint;
  #prompt = '?';
  #user = '';
  #lastMs: number | null = null;
  /** Announced while it ran; shown with the statement's own record, or alone when none follows. */
  #running: RunningRecord | null = null;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** The frames that can be shown once `record` is known. */
  frames(record: RecordLine): Frame[] {
    const running = this.#running;
    if (record.kind === 'running') {
      this.#running = record;
      return this.#silences(running === null ? [] : this.#unfinished(running));
    }
    this.#running = null;
    if (record.kind === 'statement') {
      const isItsEnd = running !== null && running.start === record.start;
      const before = running === null || isItsEnd ? [] : this.#unfinished(running);
      return this.#silences([...before, ...this.#statement(record, isItsEnd ? running : null)]);
    }
    const frames = running === null ? [] : this.#unfinished(running);
    if (record.kind === 'opened') {
      this.#prompt = printable(record.database);
      this.#user = record.user;
      frames.push(this.#frame(record.start, 'note', openedText(record, this.#paint)));
    } else {
      const text = noteText(record, this.#paint);
      if (text !== null) frames.push(this.#frame(record.at, 'note', `${text}\n`));
    }
    return this.#silences(frames);
  }

  /** What is left to show when no more records come. */
  end(): Frame[] {
    const running = this.#running;
    this.#running = null;
    return running === null ? [] : this.#silences(this.#unfinished(running));
  }

  #frame(ns: string, kind: Frame['kind'], text: string): Frame {
    return { atMs: wallMs(ns), kind, text };
  }

  #statement(record: StatementRecord, announced: RunningRecord | null): Frame[] {
    const paint = this.#paint;
    const details = detailsText(record, this.#user, paint) + paramsText(record, paint);
    const sent = sentText(record, this.#prompt, paint) + whyUnknown(record, paint) + details;
    const frames = [this.#frame(record.start, 'statement', sent)];
    if (announced !== null) frames.push(this.#runningNote(announced));
    const endMs = wallMs(record.start) + record.duration_ns / 1e6;
    const notices = noticesText(record.notices ?? [], record.notices_more ?? 0, paint);
    frames.push({ atMs: endMs, kind: 'result', text: notices + resultText(record, paint) });
    return frames;
  }

  #unfinished(record: RunningRecord): Frame[] {
    const text = sentText(record, this.#prompt, this.#paint);
    return [this.#frame(record.start, 'statement', text), this.#runningNote(record)];
  }

  #runningNote(record: RunningRecord): Frame {
    const text = this.#paint.dim(`  -- still running after ${durationText(record.duration_ns)}`);
    return this.#frame(record.at, 'note', `${text}\n`);
  }

  /** Names the long silences between frames. */
  #silences(frames: readonly Frame[]): Frame[] {
    return frames.flatMap((frame) => {
      const silence = this.#lastMs === null ? 0 : frame.atMs - this.#lastMs;
      this.#lastMs = Math.max(this.#lastMs ?? 0, frame.atMs);
      if (silence < silenceMs || frame.kind === 'result') return [frame];
      const text = this.#paint.dim(`-- ${durationText(silence * 1e6)} later`);
      return [{ atMs: frame.atMs, kind: 'note' as const, text: `${text}\n` }, frame];
    });
  }
}
