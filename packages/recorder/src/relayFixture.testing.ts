/**
 * For tests: a relay with its journal on loopback, a server that does what a test says, and the journal read
 * back whole.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { crc32 } from 'node:zlib';
import type { JournalDisk } from './journalFile.ts';
import {
  entryHeaderBytes,
  entryKind,
  fileHeaderBytes,
  type ReelEntry,
  turnHeaderBytes,
} from './journalFormat.ts';
import { JournalWriter } from './journalWriter.ts';
import { listen } from './listener.ts';
import { RawLanes } from './rawLanes.ts';
import { Relay, type RelayOptions } from './relay.ts';

export interface JournalEntry {
  readonly kind: string;
  readonly flag: number;
  readonly session: number;
  readonly body: Buffer;
}

const kindNames = new Map<number, string>(Object.entries(entryKind).map(([name, kind]) => [kind, name]));

/** All entries of a reel's files, checked: file numbers, lengths and checksums. */
export function readJournal(dir: string): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (const name of readdirSync(dir).sort()) {
    const bytes = readFileSync(join(dir, name));
    let at = fileHeaderBytes;
    while (at < bytes.length) {
      const end = at + turnHeaderBytes + bytes.readUInt32LE(at);
      if (end > bytes.length) throw new Error(`torn turn in ${name} at ${at}`);
      if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4))
        throw new Error(`checksum at ${at}`);
      at += turnHeaderBytes;
      while (at < end) {
        const bodyBytes = bytes.readUInt32LE(at + 8);
        entries.push({
          kind: kindNames.get(bytes[at] as number) ?? 'unknown',
          flag: bytes[at + 1] as number,
          session: bytes.readUInt32LE(at + 4),
          body: bytes.subarray(at + entryHeaderBytes, at + entryHeaderBytes + bodyBytes),
        });
        at += entryHeaderBytes + bodyBytes;
      }
    }
  }
  return entries;
}

export const testReel: ReelEntry = {
  reel: '00112233445566778899aabbccddeeff',
  recorder: '0123456789abcdef',
  seed: 'ffeeddccbbaa99887766554433221100',
  wallUs: 1_700_000_000_000_000,
  policy: '0'.repeat(64),
  name: 'test',
  version: '0.0.0',
  upstream: 'here:1',
  listen: 'here:2',
  journal: 'memory',
  trustUpstream: false,
  boot: '',
  host: 'test',
  inspectBytesMax: 1_048_576,
  pid: 1,
};

export interface TestServer {
  readonly port: number;
  readonly connections: Socket[];
  /** From now on each connection is also handed to `serve`. */
  onConnection(serve: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/**
 * A server that hands each connection to `serve`; the connection is half-open capable and its errors are
 * swallowed.
 */
export function startServer(serve: (socket: Socket) => void): Promise<TestServer> {
  const connections: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        connections,
        onConnection: (also) => void server.on('connection', also),
        close: () =>
          new Promise((done) => {
            for (const socket of connections) socket.destroy();
            server.close(() => done());
          }),
      });
    });
  });
}

/** A server that is ready whatever a client says first, and leaves when he does. */
export function startReadyServer(): Promise<TestServer> {
  return startServer((socket) => {
    socket.once('data', () => socket.write(ready));
    socket.on('end', () => socket.end());
  });
}

export interface TestRelay {
  readonly port: number;
  readonly dir: string;
  readonly relay: Relay;
  readonly progress: Float64Array;
  readonly troubles: string[];
  entries(): JournalEntry[];
  /** All bytes of all files. */
  journalBytes(): Buffer;
  close(): void;
}

export interface TestRelayOptions extends Partial<RelayOptions> {
  readonly serverPort: number;
  readonly disk?: JournalDisk;
}

const noTls = { context: createSecureContext({}), verify: 'none' as const, serverName: 'localhost' };

export async function startRelay(options: TestRelayOptions): Promise<TestRelay> {
  const root = mkdtempSync(join(tmpdir(), 'pgtape-relay-'));
  const dir = join(root, testReel.reel);
  mkdirSync(dir);
  const start = performance.now();
  const monoMs = (): number => performance.now() - start;
  const progress = new Float64Array(2);
  const troubles: string[] = [];
  const { serverPort, disk, ...more } = options;
  const journal = new JournalWriter({
    dir,
    reel: testReel,
    nowMs: monoMs,
    progress,
    ...(disk === undefined ? {} : { disk }),
  });
  const relay = new Relay({
    journal,
    upstream: { host: '127.0.0.1', port: serverPort, connectTimeoutMs: 10_000 },
    tls: () => ({ served: null, upstream: noTls }),
    upstreamTls: 'mirror',
    dropChannelBinding: false,
    rawLanes: new RawLanes([]),
    trustUpstream: true,
    inspectBytesMax: 1_048_576,
    startupMs: 20_000,
    sessionsMax: 5000,
    startupsMax: 1000,
    rewrapAccepted: true,
    backlogBytesMax: 1 << 30,
    backlogBytes: () => (progress[0] as number) - (progress[1] as number),
    monoMs,
    onTrouble: (what) => troubles.push(what),
    ...more,
  });
  const listener = await listen('127.0.0.1', 0, (client) => relay.accept(client));
  return {
    port: listener.port,
    dir,
    relay,
    progress,
    troubles,
    entries: () => {
      relay.turn.run();
      return readJournal(dir);
    },
    journalBytes: () => Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name)))),
    close: () => {
      listener.close();
      relay.stop();
      relay.turn.run();
      relay.turn.dispose();
      journal.dispose();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A client connection whose received bytes gather in `received`. */
export interface TestClient {
  readonly socket: Socket;
  readonly received: () => Buffer;
  /** Resolves at the end of what the other side sends, or when the connection breaks. */
  readonly ended: Promise<void>;
}

export function gather(socket: Socket): TestClient {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
    socket.on('error', () => resolve());
  });
  return { socket, received: () => Buffer.concat(chunks), ended };
}

export function connectTo(port: number): Promise<TestClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const client = gather(socket);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(client));
    socket.once('error', reject);
  });
}

/** Waits until `condition` holds; fails after `ms`: by default so long that only what never comes is missed, however busy the machine. */
export async function until(condition: () => boolean, what: string, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`did not happen in ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function frame(tag: string, body: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(5);
  head.write(tag, 0, 'latin1');
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

/** An untyped packet: length, then `words`, then `rest`. */
export function untyped(code: number, rest: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + rest.length, 0);
  head.writeInt32BE(code, 4);
  return Buffer.concat([head, rest]);
}

export const sslRequest = untyped(80_877_103);
export const gssRequest = untyped(80_877_104);

export function cancelRequest(pid: number, key: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(pid);
  return untyped(80_877_102, Buffer.concat([head, key]));
}

export function startupMessage(parameters: Readonly<Record<string, string>> = { user: 'ann' }): Buffer {
  const text = Object.entries(parameters)
    .map(([key, value]) => `${key}\0${value}\0`)
    .join('');
  return untyped(196_608, Buffer.from(`${text}\0`));
}

/** AuthenticationXxx with its code and payload. */
export function authentication(code: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(code);
  return frame('R', Buffer.concat([head, payload]));
}

export const ready = frame('Z', 'I');
