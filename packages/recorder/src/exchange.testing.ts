/**
 * For tests: what a client says and what it must hear as one script, one message a line, and a connection that plays it byte for
 * byte. `>` lines are sent together in one write; a `<` line waits for exactly those replies.
 */
import type { Socket } from 'node:net';
import { message } from '@pgtape/testkit';
import { connectTo, frame } from './relayFixture.testing.ts';

export interface Frame {
  readonly tag: string;
  readonly body: Buffer;
}

export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  | { readonly kind: 'hear'; readonly replies: readonly string[] }
  /** The client ends its side; the server may go on. */
  | { readonly kind: 'half_close' }
  | { readonly kind: 'reset' }
  /** The server ends the connection. */
  | { readonly kind: 'ended' };

const unquoted = (name = '-'): string => (name === '-' ? '' : name);
const list = (text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : text.split(',');
const value = (text: string): string | null => (text === 'NULL' ? null : text);

/** One message: `Q select 1`, `P name|sql|oids`, `B portal|statement|values`, `E portal rows`, `D S name`, `!Q 00ff` (body in hex). */
export function messageOf(line: string): Buffer {
  const [letter = '', ...words] = line.split(' ');
  const rest = words.join(' ');
  const parts = rest.split('|');
  if (letter.startsWith('!')) return frame(letter.slice(1), Buffer.from(rest, 'hex'));
  switch (letter) {
    case 'Q':
      return message.query(rest);
    case 'P':
      return message.parse(unquoted(parts[0]), parts[1] ?? '', list(parts[2]).map(Number));
    case 'B':
      return message.bind(unquoted(parts[0]), unquoted(parts[1]), list(parts[2]).map(value));
    case 'D':
      return message.describe(words[0] as 'S' | 'P', unquoted(words[1]));
    case 'C':
      return message.close(words[0] as 'S' | 'P', unquoted(words[1]));
    case 'E':
      return message.execute(unquoted(words[0]), Number(words[1] ?? 0));
    case 'F':
      return message.functionCall(Number(parts[0]), list(parts[1]).map(value));
    case 'd':
      return message.copyData(`${rest}\n`);
    case 'f':
      return message.copyFail(rest);
    case 'S':
    case 'H':
    case 'c':
    case 'X':
      return frame(letter);
    default:
      throw new Error(`no such message: ${line}`);
  }
}

/** `D*3` is three of them. */
function expanded(replies: string): string[] {
  return replies
    .split(' ')
    .filter((one) => one !== '')
    .flatMap((one) => {
      const [what = '', times = '1'] = one.split('*');
      return Array.from({ length: Number(times) }, () => what);
    });
}

export function stepsOf(script: string): Step[] {
  const steps: Step[] = [];
  let parts: Buffer[] = [];
  const flush = (): void => {
    if (parts.length > 0) steps.push({ kind: 'send', bytes: Buffer.concat(parts) });
    parts = [];
  };
  for (const line of script.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('> ')) {
      parts.push(messageOf(line.slice(2)));
      continue;
    }
    flush();
    if (line.startsWith('<')) steps.push({ kind: 'hear', replies: expanded(line.slice(1)) });
    else if (line === 'half_close' || line === 'reset' || line === 'ended') steps.push({ kind: line });
    else throw new Error(`no such line: ${line}`);
  }
  flush();
  return steps;
}

/** A field of an ErrorResponse or NoticeResponse by its letter; '' when it has none. */
export const errorField = (body: Buffer, code: string): string => {
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at);
    if (body[at] === code.charCodeAt(0)) return body.toString('utf8', at + 1, end);
    at = end + 1;
  }
  return '';
};

/** A reply in short: its letter; `C.INSERT_0_1`, `Z.I`, `E.42601`, `E.57P01.FATAL`, `N.25P01`, `S.TimeZone=UTC`. */
export function brief({ tag, body }: Frame): string {
  const text = body.toString('latin1');
  switch (tag) {
    case 'C':
      return `C.${text.slice(0, -1).replaceAll(' ', '_')}`;
    case 'Z':
      return `Z.${text}`;
    case 'E': {
      const severity = errorField(body, 'V');
      return `E.${errorField(body, 'C')}${severity === 'ERROR' ? '' : `.${severity}`}`;
    }
    case 'N':
      return `N.${errorField(body, 'C')}`;
    case 'S':
      return `S.${text.slice(0, -1).replace('\0', '=')}`;
    default:
      return tag;
  }
}

/** OIDs of a user's objects differ from run to run. */
const firstUserOid = 16_384;

/** The frame as it is from run to run: process ids and OIDs of a user's tables are zero. */
export function masked({ tag, body }: Frame): Buffer {
  // Every session has a schema of its own for temporary tables, and a shorter or longer number in its name.
  const bytes = Buffer.from(body.toString('latin1').replaceAll(/pg_temp_\d+/g, 'pg_temp'), 'latin1');
  if (tag === 'A' || tag === 'K') bytes.fill(0, 0, tag === 'A' ? 4 : bytes.length);
  if (tag === 'T') {
    let at = 2;
    for (let columns = bytes.readInt16BE(0); columns > 0; columns -= 1) {
      at = bytes.indexOf(0, at) + 1;
      for (const place of [at, at + 6])
        if (bytes.readUInt32BE(place) >= firstUserOid) bytes.writeUInt32BE(0, place);
      at += 18;
    }
  }
  return frame(tag, bytes);
}

export interface Login {
  readonly port: number;
  readonly password: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** As in the startup packet; 3.0 unless said. */
  readonly version?: number;
}

const patienceMs = 20_000;

/** One connection past its startup; `frames` are all it heard since. */
export class Exchange {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  pid = 0;
  isEnded = false;
  #chunks: Buffer[] = [];
  #have = 0;
  #need = 5;
  #taken = 0;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    for (const event of ['end', 'close', 'error']) socket.on(event, () => this.#end());
  }

  static async open({ port, password, parameters = {}, version }: Login): Promise<Exchange> {
    const { socket } = await connectTo(port);
    const exchange = new Exchange(socket);
    socket.write(message.startup({ user: 'postgres', database: 'postgres', ...parameters }, version));
    for (;;) {
      const { tag, body } = await exchange.take();
      if (tag === 'R' && body.readInt32BE() === 3) socket.write(message.password(password));
      if (tag === 'K') exchange.pid = body.readUInt32BE();
      if (tag === 'E') throw new Error(`startup refused: ${brief({ tag, body })}`);
      if (tag === 'Z') break;
    }
    exchange.frames.length = 0;
    exchange.#taken = 0;
    return exchange;
  }

  /** @param sizes of the pieces written, over and over; all in one when there are none */
  async send(bytes: Buffer, sizes: readonly number[] = []): Promise<void> {
    if (sizes.length === 0) {
      this.socket.write(bytes);
      return;
    }
    let at = 0;
    for (let index = 0; at < bytes.length; index += 1) {
      const size = sizes[index % sizes.length] as number;
      this.socket.write(bytes.subarray(at, at + size));
      at += size;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async take(): Promise<Frame> {
    await this.#until(() => this.frames.length > this.#taken || this.isEnded, 'a reply');
    const next = this.frames[this.#taken];
    if (next === undefined) throw new Error(`the connection ended after ${this.#heard()}`);
    this.#taken += 1;
    return next;
  }

  /** The next `count` replies in short; fewer when the connection ends before. */
  async hear(count: number): Promise<string[]> {
    const from = this.#taken;
    await this.#until(() => this.frames.length - from >= count || this.isEnded, `${count} replies`);
    this.#taken = Math.min(this.frames.length, from + count);
    return this.frames.slice(from, this.#taken).map(brief);
  }

  /** All that came and was not taken yet, once the server has ended the connection. */
  async ended(): Promise<string[]> {
    await this.#until(() => this.isEnded, 'the end of the connection');
    return this.frames.slice(this.#taken).map(brief);
  }

  /** Waits until nothing has come for so many milliseconds. */
  async quiet(ms: number): Promise<void> {
    for (let before = -1; before !== this.frames.length; ) {
      before = this.frames.length;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  /** Everything heard since the startup, made comparable. */
  get heard(): Buffer {
    return Buffer.concat([...this.frames.map(masked), this.#rest]);
  }

  #heard(): string {
    return this.frames.map(brief).join(' ');
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const timer = setTimeout(() => this.#wake(), patienceMs);
    const end = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() >= end) throw new Error(`waited for ${what}, heard ${this.#heard()}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
  }

  #end(): void {
    this.isEnded = true;
    this.#wake();
  }

  /** Chunks of an unfinished frame are joined once all of it is there. */
  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    const bytes = this.#rest;
    let at = 0;
    this.#need = 5;
    while (bytes.length - at >= 5) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      this.#need = end - at;
      if (end > bytes.length) break;
      this.frames.push({ tag: String.fromCharCode(bytes[at] as number), body: bytes.subarray(at + 5, end) });
      at = end;
      this.#need = 5;
    }
    this.#chunks = [bytes.subarray(at)];
    this.#have = bytes.length - at;
    this.#wake();
  }

  get #rest(): Buffer {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
  }
}
