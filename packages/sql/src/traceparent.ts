/** Finds the W3C trace context that sqlcommenter puts into a comment; believes nothing in it but its form. */
import { Lexer, type SqlOptions, token } from './lexer.ts';

const pair = /(?:^|,)\s*traceparent='([^']*)'/;
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const zeros = /^0+$/;

/**
 * The `traceparent` of the text's last comment that has a valid one, percent-decoded; undefined when there is
 * none. Format: sqlcommenter specification and W3C Trace Context 3.2 (version ff, all-zero ids and a longer
 * version 00 are invalid).
 */
export function traceparent(sql: string, options?: SqlOptions): string | undefined {
  if (!sql.includes('traceparent')) return undefined;
  const lexer = new Lexer(sql, options);
  let found: string | undefined;
  while (lexer.nextWithComments() !== token.end) {
    if (lexer.kind !== token.comment || !sql.startsWith('/*', lexer.start)) continue;
    const match = pair.exec(lexer.body());
    if (match !== null) found = valid(match[1]!) ?? found;
  }
  return found;
}

function valid(encoded: string): string | undefined {
  const value = decode(encoded);
  const [, version, traceId, parentId, more] = form.exec(value) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  return zeros.test(traceId!) || zeros.test(parentId!) ? undefined : value;
}

function decode(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
