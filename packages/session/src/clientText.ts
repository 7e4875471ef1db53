/**
 * The SQL in a client's bytes: decoded by its encoding, redacted, and with what is uncertain about both. Knows
 * what waits for replies, for that may change how the server reads what comes behind it.
 */
import { isAscii } from 'node:buffer';
import type { Cut, Unsure } from '@pgtape/evidence';
import { mayHoldSecret, redactSecrets } from '@pgtape/sql';
import type { BoundValues } from './boundValues.ts';
import { decodeText, utf8 } from './charset.ts';
import type { SessionState } from './sessionState.ts';
import { escapedLexing, standardLexing } from './settings.ts';
import { received, SqlText } from './sqlText.ts';
import { tokenKind } from './tokenQueue.ts';

/** Bytes kept of a text that its decoded form does not give back. */
const rawBytesMax = 4096;
const replacement = '\ufffd';
const backslash = 0x5c;

/**
 * @param sql the text in `body`, from `start` to the next zero byte, as UTF-8, which it nearly always is
 * @param cut set where `body` has only the first bytes of the text
 */
export function clientText(
  state: SessionState,
  sql: string,
  body: Uint8Array,
  start: number,
  cut: Cut | null,
): SqlText {
  const { settings, queue } = state;
  const isPlain = settings.charset === utf8 && queue.size === 0 && !settings.since;
  if (isPlain && !sql.includes(replacement)) return received(sql, cut, settings.lexing);
  const zero = body.indexOf(0, start);
  const bytes = body.subarray(start, zero < 0 ? body.length : zero);
  const inFlight = maySetBefore(state);
  const isPlainAscii = isAscii(bytes);
  const isEscaping = inFlight && bytes.includes(backslash);
  if (isPlainAscii && !isEscaping) return received(sql, cut, settings.lexing);
  const doubts: Unsure[] = [];
  const decoded = isPlainAscii
    ? { text: sql, isExact: true }
    : decodeText(settings.charset, bytes, cut !== null);
  if (!isPlainAscii && inFlight) doubts.push('encoding_in_flight');
  if (!isPlainAscii && settings.charset.label === null) doubts.push('encoding_without_decoder');
  if (isEscaping) doubts.push('strings_in_flight');
  const keepsRaw = !isPlainAscii && (!decoded.isExact || inFlight || settings.charset.label === null);
  // What redaction cannot look into is not kept where there may be something to redact.
  const raw = keepsRaw && !mayHoldSecret(decoded.text) ? hex(bytes) : null;
  const encoding = isPlainAscii || settings.charset === utf8 ? null : settings.charset.name;
  const origin = { encoding, raw, doubts: doubts.length === 0 ? null : doubts };
  if (!isEscaping) return received(decoded.text, cut, settings.lexing, origin);
  // Read both ways, so that no secret depends on which it was.
  const other = settings.lexing === escapedLexing ? standardLexing : escapedLexing;
  const first = redactSecrets(decoded.text, other);
  const text = received(first.sql, cut, settings.lexing, origin);
  const rules = new Set([...first.redacted, ...(text.redacted ?? [])]);
  return new SqlText(text.sql, null, cut, rules.size === 0 ? null : [...rules], origin);
}

function hex(bytes: Uint8Array): string {
  return Buffer.prototype.toString.call(bytes, 'hex', 0, Math.min(bytes.length, rawBytesMax));
}

/** Remembers how the values are encoded, where that is not plainly UTF-8. */
export function encodeValues(state: SessionState, bound: BoundValues): void {
  const { settings, queue } = state;
  if (settings.charset === utf8 && queue.size === 0 && !settings.since) return;
  if (isPure(bound)) return;
  bound.charset = settings.charset;
  bound.inFlight = maySetBefore(state);
}

function isPure({ values }: BoundValues): boolean {
  for (const value of values) if (value !== null && !isAscii(value)) return false;
  return true;
}

/**
 * True when something the server has not reported yet may change how it reads a message that comes now: SET
 * takes effect at once, ParameterStatus only tells of it before the next ReadyForQuery. Each message in flight
 * is looked at once.
 */
function maySetBefore(state: SessionState): boolean {
  const { settings, queue, names } = state;
  if (settings.since) return true;
  if (queue.size === 0) return false;
  const first = queue.at(0).order;
  for (let place = queue.size - 1; place >= 0; place -= 1) {
    const token = queue.at(place);
    if (token.order <= state.looked) break;
    const text =
      token.kind === tokenKind.bind
        ? (names.statement(token.statement)?.text ?? null)
        : (token.text ?? token.prepared?.text ?? null);
    if (token.kind === tokenKind.function || text?.maySet) {
      if (token.order > settings.unsettled) settings.unsettled = token.order;
    }
  }
  state.looked = queue.lastOrder;
  return settings.unsettled >= first;
}
