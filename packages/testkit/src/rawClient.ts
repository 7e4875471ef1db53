/** A PostgreSQL client that sends exactly the messages it is told to: pipelines, errors and splits no driver would make. */
import { createConnection, type Socket } from 'node:net';

export interface RawFrame {
  readonly tag: string;
  readonly body: Buffer;
}

export interface RawConnection {
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Answered to a cleartext password request (`password` in pg_hba.conf). */
  readonly password: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function frame(tag: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(tag, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function values(list: readonly (string | Buffer | null)[]): Buffer {
  const parts = list.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value);
    return [int32(bytes.length), bytes];
  });
  return Buffer.concat([int16(list.length), ...parts]);
}

/** Frontend messages as bytes, by the names of the protocol's "Message Formats". */
export const message = {
  query: (sql: string): Buffer => frame('Q', cstring(sql)),
  parse: (name: string, sql: string, oids: readonly number[] = []): Buffer =>
    frame('P', cstring(name), cstring(sql), int16(oids.length), ...oids.map(int32)),
  /** `formats` as in Bind: none for text, one for all, or one each (0 text, 1 binary). */
  bind: (
    portal: string,
    statement: string,
    params: readonly (string | Buffer | null)[] = [],
    formats: readonly number[] = [],
  ): Buffer =>
    frame(
      'B',
      cstring(portal),
      cstring(statement),
      int16(formats.length),
      ...formats.map(int16),
      values(params),
      int16(0),
    ),
  describe: (what: 'S' | 'P', name: string): Buffer => frame('D', Buffer.from(what), cstring(name)),
  execute: (portal: string, maxRows = 0): Buffer => frame('E', cstring(portal), int32(maxRows)),
  close: (what: 'S' | 'P', name: string): Buffer => frame('C', Buffer.from(what), cstring(name)),
  sync: (): Buffer => frame('S'),
  flush: (): Buffer => frame('H'),
  terminate: (): Buffer => frame('X'),
  copyData: (bytes: string | Buffer): Buffer => frame('d', Buffer.from(bytes)),
  copyDone: (): Buffer => frame('c'),
  copyFail: (reason: string): Buffer => frame('f', cstring(reason)),
  functionCall: (oid: number, args: readonly (string | Buffer | null)[]): Buffer =>
    frame('F', int32(oid), int16(1), int16(0), values(args), int16(0)),
  password: (text: string): Buffer => frame('p', cstring(text)),
  /** @param version 0x30000 (3.0) unless said */
  startup: (parameters: Readonly<Record<string, string>>, version = 0x3_0000): Buffer => {
    const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
    const body = Buffer.concat([int32(version), ...pairs, Buffer.from([0])]);
    return Buffer.concat([int32(body.length + 4), body]);
  },
};

/** One connection; frames received wait in order until they are taken. */
export class RawClient {
  readonly #socket: Socket;
  readonly #frames: RawFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Connects and goes through the startup to the first ReadyForQuery. */
  static async connect(to: RawConnection): Promise<RawClient> {
    const socket = createConnection({ host: '127.0.0.1', port: to.port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new RawClient(socket);
    client.send(message.startup({ user: to.user, database: to.database, ...to.parameters }));
    for (;;) {
      const next = await client.take();
      if (next.tag === 'Z') return client;
      if (next.tag === 'E') throw new Error(`startup refused: ${next.body.toString('latin1')}`);
      if (next.tag === 'R' && next.body.readInt32BE() === 3) client.send(message.password(to.password));
    }
  }

  /** Writes all parts in one chunk. */
  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** The next frame; rejects when the connection ends first. */
  async take(): Promise<RawFrame> {
    while (this.#frames.length === 0) {
      if (this.#closed) throw new Error('the connection ended');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift() as RawFrame;
  }

  /** Frames up to and including the `count`-th of tag `tag`; their tags as one string, e.g. `12DCZ`. */
  async until(tag: string, count = 1): Promise<string> {
    let tags = '';
    for (let seen = 0; seen < count; ) {
      const next = await this.take();
      tags += next.tag;
      if (next.tag === tag) seen += 1;
    }
    return tags;
  }

  /** Terminate, and wait for the server to close. */
  async end(): Promise<void> {
    this.send(message.terminate());
    await this.closed();
  }

  /** Drops the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  async closed(): Promise<void> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const end = this.#rest.readInt32BE(1) + 1;
      if (this.#rest.length < end) break;
      this.#frames.push({
        tag: String.fromCharCode(this.#rest[0] as number),
        body: this.#rest.subarray(5, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }
}
