/**
 * Turns what a client sends into tokens that wait for their replies. Knows the messages, not their replies.
 */
import type { Cut, Instant } from '@pgtape/evidence';
import { firstKeyword } from '@pgtape/sql';
import { frontendTag, readParse, readQuery } from '@pgtape/wire';
import { bindValues } from './boundValues.ts';
import { clientText, encodeValues } from './clientText.ts';
import { skipToken } from './failure.ts';
import { nameIn, zeroAt } from './intern.ts';
import { pendingBytesMax, promptNs } from './limits.ts';
import { loseDecoding, readNoMore } from './losing.ts';
import { Prepared } from './names.ts';
import { settleHead } from './queueHead.ts';
import { type SessionState, skipping } from './sessionState.ts';
import { bounded, type SqlText, undecodable } from './sqlText.ts';
import { type Token, tokenKind } from './tokenQueue.ts';
import { headNumber } from './transitions.ts';

/** A message as it arrived: `body` may be its first bytes only, then `sha256` is of the whole. */
export interface Message {
  readonly body: Uint8Array;
  readonly bodyBytes: number;
  readonly sha256: Uint8Array | null;
}

const decode = Buffer.prototype.toString;
const walsenderCommands = new Set([
  'IDENTIFY_SYSTEM',
  'READ_REPLICATION_SLOT',
  'CREATE_REPLICATION_SLOT',
  'DROP_REPLICATION_SLOT',
  'ALTER_REPLICATION_SLOT',
  'START_REPLICATION',
  'TIMELINE_HISTORY',
  'BASE_BACKUP',
  'UPLOAD_MANIFEST',
]);
const noOids: readonly number[] = [];

/** One typed message of the client. */
export function frontendMessage(
  state: SessionState,
  tag: number,
  body: Uint8Array,
  bodyBytes: number,
  sha256: Uint8Array | null,
  at: Instant,
): void {
  switch (tag) {
    case frontendTag.Bind:
      bind(state, body, sha256 === null, at);
      break;
    case frontendTag.Execute:
      execute(state, body, at);
      break;
    case frontendTag.Sync:
      sync(state, bodyBytes, at);
      return;
    case frontendTag.Query:
      query(state, { body, bodyBytes, sha256 }, at);
      break;
    case frontendTag.Parse:
      parse(state, { body, bodyBytes, sha256 }, at);
      break;
    case frontendTag.Describe:
    case frontendTag.Close:
      target(state, tag, body, at);
      break;
    case frontendTag.FunctionCall:
      functionCall(state, body, sha256 === null, at);
      break;
    case frontendTag.Flush:
      flush(state, bodyBytes, at);
      return;
    case frontendTag.CopyData:
      copyData(state, body, 1, bodyBytes);
      return;
    case frontendTag.CopyDone:
    case frontendTag.CopyFail:
      copyEnd(state, at);
      return;
    case frontendTag.Terminate:
      readNoMore(state);
      return;
    default:
      // Passwords and what the server does not know wait for no reply.
      return;
  }
  state.sentFrames = 0;
  state.sentBytes = 0;
}

/** A token is complete: it waits for its reply, or is swallowed with the rest of a failed pipeline. */
function queued(state: SessionState, token: Token, at: Instant): void {
  const { queue, limits } = state;
  if (state.skip !== skipping.no) {
    swallowed(state, at);
    return;
  }
  if (queue.size === 1 && state.head === headNumber.idle) settleHead(state);
  if (queue.size > limits.tokensMax || queue.bytes > pendingBytesMax) {
    loseDecoding(state, 'decode_lost', `${queue.size} messages of ${queue.bytes} bytes wait for replies`, at);
  } else if (token.kind === tokenKind.query || token.kind === tokenKind.function) state.batched = 0;
}

/** The token pushed last came in a skip window. */
function swallowed(state: SessionState, at: Instant): void {
  const { queue } = state;
  if (state.skip === skipping.maybe) {
    loseDecoding(state, 'decode_lost', 'a message after a failed COPY may or may not have been read', at);
    return;
  }
  const token = queue.pop();
  skipToken(state, token, at);
  queue.release(token);
}

function bind(state: SessionState, body: Uint8Array, whole: boolean, at: Instant): void {
  const portalEnd = zeroAt(body, 0);
  const statementEnd = portalEnd < 0 ? -1 : zeroAt(body, portalEnd + 1);
  const readable = statementEnd >= 0;
  const bound = readable ? bindValues(body, statementEnd + 1, whole, state.limits) : null;
  const bytes = bound === null ? 0 : bound.bytes;
  if (bound !== null) encodeValues(state, bound);
  const token = state.queue.push(tokenKind.bind, bytes, at.wallUs, at.monoNs);
  token.name = readable ? nameIn(body, 0, portalEnd) : '';
  token.statement = readable ? nameIn(body, portalEnd + 1, statementEnd) : '';
  token.bound = bound;
  token.malformed = bound === null;
  queued(state, token, at);
}

function execute(state: SessionState, body: Uint8Array, at: Instant): void {
  const end = zeroAt(body, 0);
  const token = state.queue.push(tokenKind.execute, 0, at.wallUs, at.monoNs);
  token.name = end < 0 ? '' : nameIn(body, 0, end);
  token.malformed = end < 0 || body.length !== end + 5;
  token.alone = state.batched === 0;
  state.batched += 1;
  queued(state, token, at);
}

function sync(state: SessionState, bodyBytes: number, at: Instant): void {
  const { queue } = state;
  askForReplies(state, at);
  if (state.skip !== skipping.no) {
    state.skip = skipping.no;
    state.meant = null;
  }
  const token = queue.push(tokenKind.sync, 0, at.wallUs, at.monoNs);
  token.malformed = bodyBytes > 0;
  queued(state, token, at);
}

/** Sync and Flush make the server send what it holds: an Execute right before them is timed exactly. */
function askForReplies(state: SessionState, at: Instant): void {
  const { queue } = state;
  state.batched = 0;
  if (queue.size === 0) return;
  const last = queue.at(queue.size - 1);
  if (last.kind === tokenKind.execute && at.monoNs - last.startNs <= promptNs) last.prompt = true;
}

function flush(state: SessionState, bodyBytes: number, at: Instant): void {
  askForReplies(state, at);
  state.flushed = state.queue.lastOrder;
  if (bodyBytes === 0 || state.skip === skipping.yes) return;
  queued(state, state.queue.push(tokenKind.refused, 0, at.wallUs, at.monoNs), at);
}

function query(state: SessionState, message: Message, at: Instant): void {
  const sql = textOf(message, readQuery(message.body));
  const text = sql === null ? undecodable : clientText(state, sql, message.body, 0, cutOf(message, 1));
  const token = state.queue.push(tokenKind.query, sql === null ? 0 : sql.length, at.wallUs, at.monoNs);
  token.text = text;
  token.malformed = sql === null;
  token.lexing = state.settings.lexing;
  token.alone = state.batched === 0;
  token.replication =
    state.opening.replication !== null && sql !== null && walsenderCommands.has(firstKeyword(sql));
  queued(state, token, at);
}

/** The text, or what is here of it; null when the server would refuse the message. */
function textOf(message: Message, read: string | null): string | null {
  if (message.sha256 === null) return read;
  const { body } = message;
  const zero = body.indexOf(0);
  let end = zero < 0 ? body.length : zero;
  // The last character may be here in part.
  for (let back = 0; zero < 0 && back < 4 && end > 0; back += 1) {
    end -= 1;
    if ((body[end]! & 0xc0) !== 0x80) break;
  }
  return decode.call(body, 'utf8', 0, end);
}

/** Length and hash of a message of which only the first bytes are here. */
function cutOf(message: Message, otherBytes: number): Cut | null {
  if (message.sha256 === null) return null;
  return { len: message.bodyBytes - otherBytes, sha256: Buffer.from(message.sha256).toString('hex') };
}

function parse(state: SessionState, message: Message, at: Instant): void {
  const { body } = message;
  const nameEnd = body.indexOf(0);
  const name = nameEnd < 0 ? '' : nameIn(body, 0, nameEnd);
  let text: SqlText = undecodable;
  let oids = noOids;
  if (message.sha256 !== null && nameEnd >= 0) {
    const rest = { ...message, body: body.subarray(nameEnd + 1) };
    const cut = cutOf(message, nameEnd + 1);
    text = clientText(state, textOf(rest, null) ?? '', body, nameEnd + 1, cut);
  } else {
    const read = readParse(body);
    if (read !== null) {
      text = clientText(state, read.sql, body, nameEnd + 1, null);
      oids =
        read.oids.length > state.limits.paramsMax ? read.oids.slice(0, state.limits.paramsMax) : read.oids;
    }
  }
  text = bounded(text, state.limits.sqlBytesMax);
  const token = state.queue.push(tokenKind.parse, text.sql?.length ?? 0, at.wallUs, at.monoNs);
  token.name = name;
  token.prepared = new Prepared(name, text, oids, null);
  token.malformed = text === undecodable;
  queued(state, token, at);
}

/** Describe and Close. */
function target(state: SessionState, tag: number, body: Uint8Array, at: Instant): void {
  const end = zeroAt(body, 1);
  const kind = body[0];
  const readable = end === body.length - 1 && end > 0 && (kind === 0x53 || kind === 0x50);
  const describes = tag === frontendTag.Describe;
  let what: number = describes ? tokenKind.describePortal : tokenKind.refused;
  if (readable && kind === 0x53) what = describes ? tokenKind.describeStatement : tokenKind.closeStatement;
  else if (readable) what = describes ? tokenKind.describePortal : tokenKind.closePortal;
  const token = state.queue.push(what, 0, at.wallUs, at.monoNs);
  token.name = readable ? nameIn(body, 1, end) : '';
  token.malformed = !readable;
  queued(state, token, at);
}

function functionCall(state: SessionState, body: Uint8Array, whole: boolean, at: Instant): void {
  const readable = body.length >= 4;
  const bound = readable ? bindValues(body, 4, whole, state.limits) : null;
  const bytes = bound === null ? 0 : bound.bytes;
  if (bound !== null) encodeValues(state, bound);
  const token = state.queue.push(tokenKind.function, bytes, at.wallUs, at.monoNs);
  token.oid = readable ? Buffer.from(body.buffer, body.byteOffset, 4).readUInt32BE() : 0;
  token.bound = bound;
  // The code of the result's format stands last.
  token.binary = whole && body.length > 6 && body[body.length - 1] === 1;
  token.malformed = bound === null;
  token.alone = state.batched === 0;
  queued(state, token, at);
}

/** CopyData frames, and their bytes without headers. */
export function copyData(state: SessionState, body: Uint8Array, frames: number, bytes: number): void {
  const { progress } = state;
  if (state.head === headNumber.replication && progress.direction !== null) {
    progress.copyMessages += frames;
    progress.copyBytes += bytes;
    progress.wal?.answered(body, bytes);
    return;
  }
  state.sentFrames += frames;
  state.sentBytes += bytes;
}

/** CopyDone, CopyFail: bound the COPY they belong to; outside of one the server drops them. */
function copyEnd(state: SessionState, at: Instant): void {
  if (state.queue.size > 0 && state.skip === skipping.no) {
    const token = state.queue.push(tokenKind.copyEnd, 0, at.wallUs, at.monoNs);
    token.copyMessages = state.sentFrames;
    token.copyBytes = state.sentBytes;
    queued(state, token, at);
  }
  state.sentFrames = 0;
  state.sentBytes = 0;
}
