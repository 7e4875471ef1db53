/**
 * The messages of a client that wait for their replies, in the order they were sent. A ring of reused tokens,
 * so that a message costs no allocation; knows no reply.
 */
import type { SqlOptions } from '@pgtape/sql';
import { type BoundState, BoundValues } from './boundValues.ts';
import { Prepared, type PreparedState } from './names.ts';
import { escapedLexing, standardLexing } from './settings.ts';
import { SqlText, type SqlTextState } from './sqlText.ts';

/** What was sent. `copyEnd` is CopyDone or CopyFail: no reply of its own, but it bounds a COPY. */
export const tokenKind = {
  query: 0,
  function: 1,
  parse: 2,
  bind: 3,
  describeStatement: 4,
  describePortal: 5,
  execute: 6,
  closeStatement: 7,
  closePortal: 8,
  sync: 9,
  /** A Flush, Describe or Close the server must refuse as malformed: it answers with an error alone. */
  refused: 10,
  copyEnd: 11,
} as const;

export class Token {
  kind = 0;
  /** 1, 2, 3 ... over the session. */
  order = 0;
  /** Statement of a Parse, Describe or Close of one; portal of a Bind, Execute, Describe or Close of one. */
  name = '';
  /** The statement a Bind names. */
  statement = '';
  /** A Query's whole text. */
  text: SqlText | null = null;
  prepared: Prepared | null = null;
  bound: BoundValues | null = null;
  /** FunctionCall's function. */
  oid = 0;
  /** FunctionCall's result is to be binary. */
  binary = false;
  /** It could not be read; the server must refuse it. */
  malformed = false;
  /** Nothing else ran in its batch before it. */
  alone = false;
  /** Its reply was asked for together with it. */
  prompt = false;
  /** A walsender command. */
  replication = false;
  /** How the server reads strings in its text, as far as it had said so. */
  lexing: SqlOptions = standardLexing;
  /** CopyData frames before a CopyDone, and their bytes without headers. */
  copyMessages = 0;
  copyBytes = 0;
  /** Bytes of its body, for the bound over all that waits. */
  bytes = 0;
  startUs = 0;
  startNs = 0;
}

export interface TokenState {
  readonly kind: number;
  readonly order: number;
  readonly name?: string;
  readonly statement?: string;
  readonly text?: SqlTextState;
  readonly prepared?: PreparedState;
  readonly bound?: BoundState;
  readonly oid?: number;
  readonly flags: number;
  readonly copy?: [number, number];
  readonly bytes: number;
  readonly start: [number, number];
}

const firstCapacity = 16;
/** A ring longer than this is given back once it is empty. */
const capacityKept = 1024;

export class TokenQueue {
  #ring: Token[] = Array.from({ length: firstCapacity }, () => new Token());
  #head = 0;
  #size = 0;
  #order = 0;
  /** Body bytes of all that waits. */
  bytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Order of the token pushed last. */
  get lastOrder(): number {
    return this.#order;
  }

  /** The token so many places behind the head. */
  at(place: number): Token {
    return this.#ring[(this.#head + place) & (this.#ring.length - 1)]!;
  }

  /** A cleared token at the queue's end, to be filled. */
  push(kind: number, bytes: number, startUs: number, startNs: number): Token {
    if (this.#size === this.#ring.length) this.#grow();
    const token = this.at(this.#size);
    this.#size += 1;
    this.#order += 1;
    this.bytes += bytes;
    token.kind = kind;
    token.order = this.#order;
    token.bytes = bytes;
    token.startUs = startUs;
    token.startNs = startNs;
    token.name = '';
    token.statement = '';
    token.malformed = false;
    token.alone = false;
    token.prompt = false;
    token.replication = false;
    token.binary = false;
    token.lexing = standardLexing;
    return token;
  }

  /** Takes the head away; its token may be read until the next push. */
  pop(): Token {
    const token = this.#ring[this.#head]!;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size -= 1;
    this.bytes -= token.bytes;
    if (this.#size === 0 && this.#ring.length > capacityKept) {
      this.#ring = Array.from({ length: firstCapacity }, () => new Token());
      this.#head = 0;
    }
    return token;
  }

  /** Lets go of what a popped token refers to. */
  release(token: Token): void {
    token.text = null;
    token.prepared = null;
    token.bound = null;
  }

  /** Takes `count` tokens away that stand directly behind the head. */
  dropBehindHead(count: number): void {
    const mask = this.#ring.length - 1;
    const head = this.#ring[this.#head]!;
    for (let place = 1; place <= count; place += 1) {
      const token = this.at(place);
      this.bytes -= token.bytes;
      this.#ring[(this.#head + place - 1) & mask] = token;
    }
    this.#head = (this.#head + count) & mask;
    this.#ring[this.#head] = head;
    this.#size -= count;
  }

  #grow(): void {
    const old = this.#ring;
    const grown: Token[] = [];
    for (let place = 0; place < old.length; place += 1) grown.push(this.at(place));
    while (grown.length < old.length * 2) grown.push(new Token());
    this.#ring = grown;
    this.#head = 0;
  }

  state(): { readonly order: number; readonly tokens: TokenState[] } {
    const tokens: TokenState[] = [];
    for (let place = 0; place < this.#size; place += 1) tokens.push(tokenState(this.at(place)));
    return { order: this.#order, tokens };
  }

  static of(state: { readonly order: number; readonly tokens: readonly TokenState[] }): TokenQueue {
    const queue = new TokenQueue();
    for (const one of state.tokens) {
      const token = queue.push(one.kind, one.bytes, one.start[0], one.start[1]);
      token.order = one.order;
      token.name = one.name ?? '';
      token.statement = one.statement ?? '';
      token.text = one.text === undefined ? null : SqlText.of(one.text);
      token.prepared = one.prepared === undefined ? null : Prepared.of(one.prepared);
      token.bound = one.bound === undefined ? null : BoundValues.of(one.bound);
      token.oid = one.oid ?? 0;
      token.malformed = (one.flags & 1) !== 0;
      token.alone = (one.flags & 2) !== 0;
      token.prompt = (one.flags & 4) !== 0;
      token.replication = (one.flags & 8) !== 0;
      token.lexing = (one.flags & 16) !== 0 ? escapedLexing : standardLexing;
      token.binary = (one.flags & 32) !== 0;
      token.copyMessages = one.copy?.[0] ?? 0;
      token.copyBytes = one.copy?.[1] ?? 0;
    }
    queue.#order = state.order;
    return queue;
  }
}

function tokenState(token: Token): TokenState {
  const flags =
    (token.malformed ? 1 : 0) |
    (token.alone ? 2 : 0) |
    (token.prompt ? 4 : 0) |
    (token.replication ? 8 : 0) |
    (token.lexing === escapedLexing ? 16 : 0) |
    (token.binary ? 32 : 0);
  const { kind } = token;
  return {
    kind,
    order: token.order,
    ...(token.name !== '' && { name: token.name }),
    ...(token.statement !== '' && { statement: token.statement }),
    ...(token.text !== null && { text: token.text.state() }),
    ...(token.prepared !== null && { prepared: token.prepared.state() }),
    ...(token.bound !== null && { bound: token.bound.state() }),
    ...(kind === tokenKind.function && { oid: token.oid }),
    flags,
    ...(kind === tokenKind.copyEnd && { copy: [token.copyMessages, token.copyBytes] as [number, number] }),
    bytes: token.bytes,
    start: [token.startUs, token.startNs],
  };
}
