/** For tests: writes a reel's journal from scripted frames with the relay's own writer and cutter, and cuts it at turn boundaries. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CutSink, FrameCutter } from '@pgtape/wire';
import {
  type CancelledEntry,
  type CloseEntry,
  entryHeaderBytes,
  entryKind,
  fileHeaderBytes,
  type GapEntry,
  type MechanismEntry,
  type ReelEntry,
  type SecuredEntry,
  side as sideNumber,
  type TypesEntry,
  turnHeaderBytes,
} from './journalFormat.ts';
import { JournalWriter } from './journalWriter.ts';

/** Writes one direction of one session into the turn, as the relay does while there is room. */
function journalSink(journal: JournalWriter, side: 'frontend' | 'backend', session: number): CutSink {
  const turn = journal.turn;
  const kind = side === 'frontend' ? entryKind.frontend : entryKind.backend;
  const number = sideNumber[side];
  return {
    keep: (chunk, start, end) => turn.stream(kind, session, chunk, start, end),
    keepHeader: (header) => turn.stream(kind, session, header, 0, header.length),
    counted: (tag, frames, bytes) =>
      turn.numbers(entryKind.counted, tag, session, number, frames, bytes, null),
    tail: (tag, bodyBytes, sha256) =>
      turn.numbers(entryKind.tail, tag, session, number, 0, bodyBytes, sha256),
  };
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export function frame(tag: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([Buffer.from(tag), int32(body.length + 4), body]);
}

/** Messages of the protocol, as many as the scripts here need. */
export const say = {
  startup: (user: string): Buffer => {
    const body = Buffer.from(`user\0${user}\0database\0shop\0application_name\0till\0\0`);
    return Buffer.concat([int32(body.length + 8), int32(196_608), body]);
  },
  query: (sql: string) => frame('Q', `${sql}\0`),
  parse: (name: string, sql: string, oids: readonly number[] = []) =>
    frame('P', `${name}\0${sql}\0`, int16(oids.length), ...oids.map(int32)),
  bind: (statement: string, values: readonly string[], formats: readonly number[] = []) =>
    frame(
      'B',
      `\0${statement}\0`,
      int16(formats.length),
      ...formats.map(int16),
      int16(values.length),
      ...values.flatMap((value) => [int32(Buffer.byteLength(value)), value]),
      int16(0),
    ),
  execute: frame('E', '\0', int32(0)),
  sync: frame('S'),
  terminate: frame('X'),
  authOk: frame('R', int32(0)),
  authMd5: frame('R', int32(5), 'salt'),
  password: (text: string) => frame('p', `${text}\0`),
  parameterStatus: (name: string, value: string) => frame('S', `${name}\0${value}\0`),
  backendKey: (pid: number) => frame('K', int32(pid), int32(4242)),
  ready: (status: 'I' | 'T' | 'E') => frame('Z', status),
  parseComplete: frame('1'),
  bindComplete: frame('2'),
  noData: frame('n'),
  dataRow: (text: string) => frame('D', int16(1), int32(Buffer.byteLength(text)), text),
  rowDescription: (column: string) =>
    frame('T', int16(1), `${column}\0`, int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)),
  complete: (tag: string) => frame('C', `${tag}\0`),
  error: (code: string, message: string) => frame('E', `SERROR\0VERROR\0C${code}\0M${message}\0\0`),
};

export const builtReel: ReelEntry = {
  reel: '5eed0000000000000000000000000001',
  recorder: '0123456789abcdef',
  seed: '000102030405060708090a0b0c0d0e0f',
  wallUs: 1_790_000_000_000_000,
  policy: 'ab'.repeat(32),
  name: 'test',
  version: '0.1.0',
  upstream: '127.0.0.1:5432',
  listen: '127.0.0.1:5433',
  journal: 'memory',
  trustUpstream: false,
  boot: 'b007',
  host: 'here',
  inspectBytesMax: 4096,
  pid: 1,
};

export interface BuilderOptions {
  readonly reel?: ReelEntry;
  readonly fileBytesMax?: number;
}

export class JournalBuilder {
  readonly dir: string;
  readonly reel: ReelEntry;
  /** Milliseconds since the reel started; a turn is written at it. */
  ms = 0;
  readonly #writer: JournalWriter;
  readonly #cutters = new Map<number, { frontend: FrameCutter; backend: FrameCutter }>();
  #nextTickMs = 1000;

  constructor(journalDir: string, { reel = builtReel, fileBytesMax }: BuilderOptions = {}) {
    this.dir = join(journalDir, reel.reel);
    this.reel = reel;
    mkdirSync(this.dir, { recursive: true });
    this.#writer = new JournalWriter({
      dir: this.dir,
      reel,
      nowMs: () => this.ms,
      progress: new Float64Array(2),
      ...(fileBytesMax === undefined ? {} : { fileBytesMax }),
    });
  }

  get bytes(): number {
    return this.#writer.journaledBytes;
  }

  open(session: number): void {
    const server = { address: '127.0.0.1', port: 5432 };
    this.#writer.open(session, {
      client: { address: '10.0.0.9', port: 40_000 + session },
      server,
      tls: false,
    });
    const max = this.reel.inspectBytesMax;
    this.#cutters.set(session, {
      frontend: new FrameCutter('frontend', max, journalSink(this.#writer, 'frontend', session)),
      backend: new FrameCutter('backend', max, journalSink(this.#writer, 'backend', session)),
    });
  }

  types(entry: TypesEntry): void {
    this.#writer.types(entry);
  }

  startup(session: number, packet: Buffer): void {
    this.#writer.startup(session, packet);
  }

  client(session: number, ...frames: readonly Buffer[]): void {
    this.#cutters.get(session)!.frontend.push(Buffer.concat(frames));
  }

  server(session: number, ...frames: readonly Buffer[]): void {
    this.#cutters.get(session)!.backend.push(Buffer.concat(frames));
  }

  /** A session from its first packet to its first ReadyForQuery. */
  begin(session: number, user = 'ann'): void {
    this.open(session);
    this.startup(session, say.startup(user));
    this.turn();
    this.server(session, say.authMd5);
    this.turn();
    this.client(session, say.password('md5secret'));
    this.turn();
    const told = [
      say.parameterStatus('server_version', '17.2'),
      say.parameterStatus('application_name', 'till'),
    ];
    this.server(session, say.authOk, ...told, say.backendKey(7000 + session), say.ready('I'));
    this.turn();
  }

  close(session: number, why: CloseEntry['why'] = 'terminated'): void {
    this.#writer.close(session, { why, bytesFromClient: 100, bytesFromServer: 200 });
    this.#cutters.delete(session);
  }

  secured(session: number, entry: SecuredEntry): void {
    this.#writer.secured(session, entry);
  }

  mechanism(session: number, entry: MechanismEntry): void {
    this.#writer.mechanism(session, entry);
  }

  cancelled(session: number, entry: CancelledEntry): void {
    this.#writer.cancelled(session, entry);
  }

  gap(session: number, entry: GapEntry): void {
    this.#writer.gap(session, entry);
  }

  end(): void {
    this.#writer.end();
    this.turn();
    this.#writer.dispose();
  }

  /** Writes what this turn has, time going on by `ms`; ticks as the relay does, once a second. */
  turn(ms = 1): void {
    this.ms += ms;
    while (this.#nextTickMs <= this.ms) {
      this.#writer.tick(this.reel.wallUs + this.ms * 1000);
      this.#nextTickMs += 1000;
    }
    if (!this.#writer.flush()) throw this.#writer.failure;
  }

  /** Bytes that no writer would write, as damage. */
  dispose(): void {
    this.#writer.dispose();
  }
}

export interface TurnEnd {
  readonly file: string;
  readonly offset: number;
}

/** Every turn boundary of a journal, in order; the first is after the first file's header. */
export function turnEnds(dir: string): TurnEnd[] {
  const ends: TurnEnd[] = [];
  for (const file of journalFiles(dir)) {
    const bytes = readFileSync(join(dir, file));
    let at = fileHeaderBytes;
    ends.push({ file, offset: at });
    while (at + turnHeaderBytes <= bytes.length) {
      at += turnHeaderBytes + bytes.readUInt32LE(at);
      ends.push({ file, offset: at });
    }
  }
  return ends;
}

export function journalFiles(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.journal'))
    .sort();
}

/**
 * Brings `to` as far as a writer would have brought it: everything of `from` up to `end` (all without one), plus `torn` bytes
 * of what follows. Files that were trimmed in `to` stay away.
 */
export function growJournal(from: string, to: string, end: TurnEnd | null, torn = 0): void {
  mkdirSync(to, { recursive: true });
  const there = journalFiles(to);
  for (const file of journalFiles(from)) {
    if (there.length > 0 && file < there[0]!) continue;
    if (end !== null && file > end.file) break;
    const bytes = readFileSync(join(from, file));
    writeFileSync(join(to, file), end?.file === file ? bytes.subarray(0, end.offset + torn) : bytes);
  }
}

/** Kinds of the entries of one file, for tests that aim at one. */
export function entryOffsets(dir: string, file: string, kind: keyof typeof entryKind): number[] {
  const bytes = readFileSync(join(dir, file));
  const found: number[] = [];
  let at = fileHeaderBytes;
  while (at < bytes.length) {
    const end = at + turnHeaderBytes + bytes.readUInt32LE(at);
    at += turnHeaderBytes;
    while (at < end) {
      if (bytes[at] === entryKind[kind]) found.push(at);
      at += entryHeaderBytes + bytes.readUInt32LE(at + 8);
    }
  }
  return found;
}
