/**
 * Owns the fields of `statement` lines from the kind's name to the closing brace. Most of all evidence passes
 * here, so they go straight into bytes, and what repeats is kept as bytes. Knows nothing of sealing.
 */
import { putAscii, putBlock, putCount, putJson, putText } from './asciiBytes.ts';
import { errorJson, textJson } from './jsonText.ts';
import type { DraftOf } from './record.ts';
import type { Parameter } from './recordParts.ts';
import { noticesJson, surroundings, textFields, unsureText } from './statementText.ts';

type Draft = DraftOf<'statement'>;

/**
 * Prepared statements repeat their text: what stands before `params` is escaped once per (text, name,
 * portal).
 */
interface Prepared {
  readonly statement: string | undefined;
  readonly portal: string | undefined;
  readonly role: string | undefined;
  readonly sessionUser: string | undefined;
  readonly searchPath: string | undefined;
  readonly bytes: Uint8Array;
}

const preparedMax = 512;
const preparedTextMax = 8192;
/**
 * Keyed by the SQL text: a map looks a string up by its remembered hash, so the same object costs no second
 * pass over it.
 */
const prepared = new Map<string, Prepared>();

const part = {
  protocol: Buffer.from(',"protocol":"'),
  sql: Buffer.from('","sql":'),
  null: Buffer.from('null'),
  params: Buffer.from(',"params":[{"v":'),
  nextValue: Buffer.from(',{"v":'),
  returnedBytes: Buffer.from(',"returned_bytes":'),
  start: Buffer.from(',"start":"'),
  first: Buffer.from('","first_ns":'),
  duration: Buffer.from(',"duration_ns":'),
} as const;
const quote = 0x22;
const brace = 0x7d;
const bracket = 0x5d;

/** What is kept as bytes, at most; then all of it is forgotten. */
const keptMax = 4096;
const sessions = new Map<string, Uint8Array>();

/** From `outcome` to the name of `returned_rows`, by tag. */
interface Outcome {
  readonly outcome: Draft['outcome'];
  readonly stage: Draft['stage'];
  readonly rows: number | undefined;
  readonly bytes: Uint8Array;
}
const outcomes = new Map<string, Outcome>();
const tagUnitsMax = 64;

/** What stands behind a parameter's value, to the name of `len`, by OID. */
interface Typed {
  readonly enc: Parameter['enc'];
  readonly format: Parameter['format'];
  readonly type: string;
  readonly bytes: Uint8Array;
}
const types = new Map<number, Typed>();

/** From `timing` to `fate`, by a number for their values. */
const endings: (Uint8Array | undefined)[] = [];

/** Appends from the kind's name on; `out` has the line's bound free. */
export function putStatement(out: Buffer, at: number, d: Draft): number {
  let pos = putBlock(out, at, sessions.get(d.session) ?? addSession(d.session));
  pos = putCount(out, pos, d.n);
  pos = isPlainPrepared(d) ? putBlock(out, pos, preparedFields(d)) : putQuery(out, pos, d);
  if (d.params !== undefined) pos = putParameters(out, pos, d.params);
  if (d.function_oid !== undefined || d.function_result !== undefined)
    pos = putText(out, pos, functionFields(d));
  pos = putOutcome(out, pos, d);
  pos = putCount(out, pos, d.returned_rows);
  pos = putCount(out, putBlock(out, pos, part.returnedBytes), d.returned_bytes);
  if (hasRare(d)) {
    pos = putText(out, pos, copyAndError(d));
  }
  pos = putAscii(out, putBlock(out, pos, part.start), d.start);
  if (d.first_ns === undefined) out[pos++] = quote;
  else pos = putCount(out, putBlock(out, pos, part.first), d.first_ns);
  pos = putCount(out, putBlock(out, pos, part.duration), d.duration_ns);
  pos = putBlock(out, pos, endingOf(d));
  if (d.continues !== undefined) pos = putText(out, pos, `,"continues":${d.continues}`);
  if (d.traceparent !== undefined) pos = putText(out, pos, `,"traceparent":${textJson(d.traceparent)}`);
  out[pos++] = brace;
  return pos;
}

function addSession(session: string): Uint8Array {
  const bytes = Buffer.from(`statement","session":"${session}","n":`);
  if (sessions.size >= keptMax) sessions.clear();
  sessions.set(session, bytes);
  return bytes;
}

function putOutcome(out: Buffer, at: number, d: Draft): number {
  const { tag, rows, outcome, stage } = d;
  if (tag === undefined || tag.length > tagUnitsMax) return putText(out, at, outcomeText(d));
  const known = outcomes.get(tag);
  if (known !== undefined && known.rows === rows && known.outcome === outcome && known.stage === stage) {
    return putBlock(out, at, known.bytes);
  }
  const bytes = Buffer.from(outcomeText(d));
  if (outcomes.size >= keptMax) outcomes.clear();
  outcomes.set(tag, { outcome, stage, rows, bytes });
  return putBlock(out, at, bytes);
}

function outcomeText(d: Draft): string {
  let text = `,"outcome":"${d.outcome}","stage":"${d.stage}"`;
  if (d.tag !== undefined) text += `,"tag":${textJson(d.tag)}`;
  if (d.rows !== undefined) text += `,"rows":${d.rows}`;
  return `${text},"returned_rows":`;
}

function endingOf(d: Draft): Uint8Array {
  let shape = d.timing === 'exact' ? 0 : 1;
  shape = shape * 4 + statusNumber(d.tx_before);
  shape = shape * 4 + statusNumber(d.tx_after);
  shape = shape * 4 + fateNumber(d.fate);
  const known = endings[shape];
  if (known !== undefined) return known;
  let text = `,"timing":"${d.timing}","tx_before":${statusJson(d.tx_before)},"tx_after":${statusJson(d.tx_after)}`;
  if (d.fate !== undefined) text += `,"fate":"${d.fate}"`;
  const bytes = Buffer.from(text);
  endings[shape] = bytes;
  return bytes;
}

function statusNumber(status: Draft['tx_before']): number {
  return status === 'I' ? 0 : status === 'T' ? 1 : status === 'E' ? 2 : 3;
}

function statusJson(status: Draft['tx_before']): string {
  return status === null ? 'null' : `"${status}"`;
}

function fateNumber(fate: Draft['fate']): number {
  return fate === undefined ? 0 : fate === 'committed' ? 1 : fate === 'rolled_back' ? 2 : 3;
}

function copyAndError(d: Draft): string {
  let text = '';
  if (d.copy !== undefined) {
    const { direction, messages, bytes } = d.copy;
    text += `,"copy":{"direction":"${direction}","messages":${messages},"bytes":${bytes}}`;
  }
  if (d.error !== undefined) text += errorJson(d.error);
  if (d.notices !== undefined) text += noticesJson(d.notices);
  return d.notices_more === undefined ? text : `${text},"notices_more":${d.notices_more}`;
}

function hasRare(d: Draft): boolean {
  return (
    d.copy !== undefined || d.error !== undefined || d.notices !== undefined || d.notices_more !== undefined
  );
}

function functionFields(d: Draft): string {
  const text = d.function_oid === undefined ? '' : `,"function_oid":${d.function_oid}`;
  if (d.function_result === undefined) return text;
  return `${text},"function_result":{"format":"${d.function_result.format}","len":${d.function_result.len}}`;
}

function putParameters(out: Buffer, at: number, params: readonly Parameter[]): number {
  if (params.length === 0) return putText(out, at, ',"params":[]');
  let pos = at;
  for (let i = 0; i < params.length; i += 1) {
    const p = params[i]!;
    pos = putBlock(out, pos, i === 0 ? part.params : part.nextValue);
    pos = p.v === null ? putBlock(out, pos, part.null) : putJson(out, pos, p.v);
    const known = types.get(p.oid);
    const isKnown =
      known !== undefined && known.type === p.type && known.enc === p.enc && known.format === p.format;
    pos = putBlock(out, pos, isKnown ? known.bytes : addType(p));
    pos = putCount(out, pos, p.len);
    if (p.cut !== undefined) pos = putText(out, pos, ',"cut":true');
    if (p.sha256 !== undefined) pos = putText(out, pos, `,"sha256":"${p.sha256}"`);
    out[pos++] = brace;
  }
  out[pos++] = bracket;
  return pos;
}

function addType({ enc, format, type, oid }: Parameter): Uint8Array {
  const bytes = Buffer.from(
    `,"enc":"${enc}","format":"${format}","type":${textJson(type)},"oid":${oid},"len":`,
  );
  if (types.size >= keptMax) types.clear();
  types.set(oid, { enc, format, type, bytes });
  return bytes;
}

function isPlainPrepared(d: Draft): boolean {
  return (
    d.protocol === 'extended' &&
    d.sql !== null &&
    d.sql.length <= preparedTextMax &&
    d.sql_cut === undefined &&
    d.sql_unknown === undefined &&
    d.redacted === undefined &&
    d.part === undefined &&
    d.parts === undefined &&
    d.runs === undefined &&
    d.sql_encoding === undefined &&
    d.sql_raw === undefined &&
    d.unsure === undefined
  );
}

function preparedFields(d: Draft): Uint8Array {
  const known = prepared.get(d.sql!);
  if (known !== undefined && isSame(known, d)) return known.bytes;
  const text = `,"protocol":"${d.protocol}","sql":${textJson(d.sql!)}${textFields(d)}`;
  const bytes = Buffer.concat([Buffer.from(text), surroundings(d)]);
  if (prepared.size >= preparedMax) prepared.clear();
  const { statement, portal, role, session_user: sessionUser, search_path: searchPath } = d;
  prepared.set(d.sql!, { statement, portal, role, sessionUser, searchPath, bytes });
  return bytes;
}

function isSame(known: Prepared, d: Draft): boolean {
  return (
    known.statement === d.statement &&
    known.portal === d.portal &&
    known.role === d.role &&
    known.searchPath === d.search_path &&
    known.sessionUser === d.session_user
  );
}

function putQuery(out: Buffer, at: number, d: Draft): number {
  let pos = putAscii(out, putBlock(out, at, part.protocol), d.protocol);
  pos = putBlock(out, pos, part.sql);
  pos = d.sql === null ? putBlock(out, pos, part.null) : putJson(out, pos, d.sql);
  const rest = textFields(d);
  if (rest !== '') pos = putText(out, pos, rest);
  pos = putBlock(out, pos, surroundings(d));
  return d.unsure === undefined ? pos : putText(out, pos, unsureText(d));
}
