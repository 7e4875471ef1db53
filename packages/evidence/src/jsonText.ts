/**
 * JSON of strings and of the small objects lines share, byte for byte as JSON.stringify writes them. Knows no
 * record kinds.
 */
import type { Cut, ServerError } from './recordParts.ts';

/**
 * What JSON.stringify escapes: quotes, backslashes, controls, lone surrogates (and whole pairs, which it then
 * leaves alone).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const mayNeedEscape = /["\\\u0000-\u001f\ud800-\udfff]/;
/** From this length on JSON.stringify is faster than the search for something to escape. */
const plainUnitsMax = 128;

/** A JSON string, quotes included. */
export function textJson(text: string): string {
  if (text.length > plainUnitsMax || mayNeedEscape.test(text)) return JSON.stringify(text);
  return `"${text}"`;
}

/** `name` comes with its punctuation: `,"redacted":`. */
export function textsJson(name: string, texts: readonly string[]): string {
  return `${name}[${texts.map(textJson).join(',')}]`;
}

/** `name` and the text, or nothing when the field was not observed. */
export function optionalText(name: string, text: string | undefined): string {
  return text === undefined ? '' : name + textJson(text);
}

export function cutJson(cut: Cut): string {
  return `,"sql_cut":{"len":${cut.len},"sha256":"${cut.sha256}"}`;
}

export function errorJson(error: ServerError): string {
  const { severity, sqlstate, message } = error;
  return (
    `,"error":{"severity":${textJson(severity)},"sqlstate":"${sqlstate}","message":${textJson(message)}` +
    optionalText(',"detail":', error.detail) +
    optionalText(',"hint":', error.hint) +
    optionalText(',"position":', error.position) +
    optionalText(',"schema":', error.schema) +
    optionalText(',"table":', error.table) +
    optionalText(',"column":', error.column) +
    optionalText(',"constraint":', error.constraint) +
    '}'
  );
}
