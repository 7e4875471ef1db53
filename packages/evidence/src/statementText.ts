/**
 * The fields of `statement` and `running` lines after the session's. Most of all evidence passes here, so
 * each function appends to the line so far: a string grown only at its end is flattened in one pass when it
 * is written out.
 */
import { cutJson, errorJson, parametersJson, textJson, textsJson } from './jsonText.ts';
import type { DraftOf } from './record.ts';

/**
 * Prepared statements repeat their text: what stands before `params` is escaped once per (text, name,
 * portal).
 */
interface Prepared {
  readonly statement: string | undefined;
  readonly portal: string | undefined;
  readonly text: string;
}

const preparedMax = 512;
const preparedTextMax = 8192;
/**
 * Keyed by the SQL text: a map looks a string up by its remembered hash, so the same object costs no second
 * pass over it.
 */
const prepared = new Map<string, Prepared>();

/** Appends from `,"protocol":` to the line's closing brace. */
export function statementFields(line: string, d: DraftOf<'statement'>): string {
  let text = isPlainPrepared(d) ? line + preparedFields(d) : queryFields(line, d);
  if (d.params !== undefined) text = parametersJson(text, d.params);
  if (d.function_oid !== undefined) text += `,"function_oid":${d.function_oid}`;
  text += `,"outcome":"${d.outcome}","stage":"${d.stage}"`;
  if (d.tag !== undefined) text += `,"tag":${textJson(d.tag)}`;
  if (d.rows !== undefined) text += `,"rows":${d.rows}`;
  text += `,"returned_rows":${d.returned_rows},"returned_bytes":${d.returned_bytes}`;
  if (d.copy !== undefined) {
    const { direction, messages, bytes } = d.copy;
    text += `,"copy":{"direction":"${direction}","messages":${messages},"bytes":${bytes}}`;
  }
  if (d.error !== undefined) text += errorJson(d.error);
  return timingFields(text, d);
}

function timingFields(line: string, d: DraftOf<'statement'>): string {
  let text = `${line},"start":"${d.start}`;
  text += d.first_ns === undefined ? '","duration_ns":' : `","first_ns":${d.first_ns},"duration_ns":`;
  text += d.duration_ns;
  text += d.timing === 'exact' ? ',"timing":"exact","tx_before":' : ',"timing":"batched","tx_before":';
  text += d.tx_before === null ? 'null,"tx_after":' : `"${d.tx_before}","tx_after":`;
  text += d.tx_after === null ? 'null' : `"${d.tx_after}"`;
  if (d.fate !== undefined) text += `,"fate":"${d.fate}"`;
  if (d.continues !== undefined) text += `,"continues":${d.continues}`;
  if (d.traceparent !== undefined) text += `,"traceparent":${textJson(d.traceparent)}`;
  return `${text}}`;
}

export function runningFields(line: string, d: DraftOf<'running'>): string {
  let text = `${line},"protocol":"${d.protocol}","sql":${d.sql === null ? 'null' : textJson(d.sql)}`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  return `${text},"start":"${d.start}","duration_ns":${d.duration_ns}}`;
}

function isPlainPrepared(d: DraftOf<'statement'>): boolean {
  return (
    d.protocol === 'extended' &&
    d.sql !== null &&
    d.sql.length <= preparedTextMax &&
    d.sql_cut === undefined &&
    d.sql_unknown === undefined &&
    d.redacted === undefined &&
    d.part === undefined &&
    d.parts === undefined
  );
}

function preparedFields(d: DraftOf<'statement'>): string {
  const known = prepared.get(d.sql!);
  if (known !== undefined && known.statement === d.statement && known.portal === d.portal) return known.text;
  // Through bytes: a string glued from parts would be glued again in every line that contains it.
  const text = Buffer.from(queryFields('', d)).toString();
  if (prepared.size >= preparedMax) prepared.clear();
  prepared.set(d.sql!, { statement: d.statement, portal: d.portal, text });
  return text;
}

function queryFields(line: string, d: DraftOf<'statement'>): string {
  let text = `${line},"protocol":"${d.protocol}","sql":${d.sql === null ? 'null' : textJson(d.sql)}`;
  if (d.sql_unknown !== undefined) text += `,"sql_unknown":"${d.sql_unknown}"`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  if (d.statement !== undefined) text += `,"statement":${textJson(d.statement)}`;
  if (d.portal !== undefined) text += `,"portal":${textJson(d.portal)}`;
  if (d.part !== undefined) text += `,"part":${d.part}`;
  if (d.parts !== undefined) text += `,"parts":${d.parts}`;
  return text;
}
