/** Whether a text of the server's log is what a tape holds of it: whole, in pieces, cut at a bound, or redacted. */
import { createHash } from 'node:crypto';
import type { TapeParameter, TapeStatement } from './tapeEvents.ts';

export type TextMatch = 'same' | 'redacted' | 'no';

const placeholder = '[redacted]';
/** What may stand between two statements of one Query. */
const between = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/;

const bytesOf = (text: string): number => Buffer.byteLength(text);

function wholeMatches(server: string, piece: TapeStatement): TextMatch {
  const { sql } = piece;
  if (sql === null) return 'no';
  if (piece.redacted !== undefined && sql.includes(placeholder)) {
    return redactedEnd(server, piece, 0) === server.length ? 'redacted' : 'no';
  }
  if (piece.sql_cut === undefined) return server === sql ? 'same' : 'no';
  const { len, sha256 } = piece.sql_cut;
  const same =
    server.startsWith(sql) &&
    bytesOf(server) === len &&
    createHash('sha256').update(server).digest('hex') === sha256;
  return same ? 'same' : 'no';
}

/** Where the text of a redacted piece ends in `server`, -1 when it is another text. */
function redactedEnd(server: string, piece: TapeStatement, from: number): number {
  const cutHere = piece.sql_cut !== undefined;
  const kept = (piece.sql ?? '').split(placeholder);
  let at = from;
  for (const [index, text] of kept.entries()) {
    const isLast = index === kept.length - 1;
    const found = isLast && text === '' ? server.length : server.indexOf(text, at);
    if (found < 0 || (index === 0 && found !== from)) return -1;
    at = found + text.length;
  }
  return cutHere ? server.length : at;
}

/** One Query's text against the statements recorded of it. */
export function piecesMatch(server: string, pieces: readonly TapeStatement[]): TextMatch {
  const only = pieces[0] as TapeStatement;
  if (pieces.length === 1 && wholeMatches(server, only) !== 'no') return wholeMatches(server, only);
  let at = 0;
  let isRedacted = false;
  for (const piece of pieces) {
    const { sql } = piece;
    if (sql === null) return 'no';
    const hidden = piece.redacted !== undefined && sql.includes(placeholder);
    const head = hidden ? (sql.split(placeholder)[0] as string) : sql;
    const found = server.indexOf(head, at);
    if (found < 0 || !between.test(server.slice(at, found))) return 'no';
    at = hidden ? redactedEnd(server, piece, found) : found + sql.length;
    if (at < 0) return 'no';
    isRedacted ||= hidden;
  }
  const last = pieces[pieces.length - 1] as TapeStatement;
  const rest = server.slice(at);
  if (last.sql_cut === undefined && !between.test(rest)) return 'no';
  return isRedacted ? 'redacted' : 'same';
}

/** Parameters as the server's log writes them; null where there are none. */
export function parametersText(params: readonly TapeParameter[] | undefined): string | null {
  if (params === undefined || params.length === 0) return null;
  return params
    .map(({ v }, index) => `$${index + 1} = ${v === null ? 'NULL' : `'${v.replaceAll("'", "''")}'`}`)
    .join(', ');
}
