/** A real PostgreSQL with a machine listening on the wire: what clients send and get, and the records made of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DraftOf, DraftRecord, Instant } from '@pgtape/evidence';
import { type EmbeddedPostgres, RawClient, startTestPostgres } from '@pgtape/testkit';
import { backendTag, type CutSink, FrameCutter, FrameReader, type Side } from '@pgtape/wire';
import { defaultLimits } from './limits.ts';
import { SessionMachine } from './machine.ts';
import { identity } from './script.testing.ts';

/** One connection through the tap. */
export interface TappedSession {
  readonly records: DraftRecord[];
  readonly port: number;
}

const password = 'tapped-password';
const inspectBytesMax = 1 << 20;

export class TappedPostgres {
  readonly server: EmbeddedPostgres;
  readonly #root: string;
  readonly #taps: Server[] = [];

  private constructor(server: EmbeddedPostgres, root: string) {
    this.server = server;
    this.#root = root;
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<TappedPostgres> {
    const root = mkdtempSync(join(tmpdir(), 'pgtape-tapped-'));
    const server = await startTestPostgres({
      dir: join(root, 'cluster'),
      password,
      settings: { fsync: 'off', ...settings },
      hba: ['host all all 127.0.0.1/32 password', 'host replication all 127.0.0.1/32 password'],
    });
    return new TappedPostgres(server, root);
  }

  /** A port that passes one connection on, and the records of it. */
  async tap(): Promise<TappedSession> {
    const records: DraftRecord[] = [];
    const tap = createServer((client) => listen(client, connect(this.server.port, '127.0.0.1'), records));
    this.#taps.push(tap);
    await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
    return { records, port: (tap.address() as AddressInfo).port };
  }

  async client(
    session: { readonly port: number },
    parameters: Readonly<Record<string, string>> = {},
    user = 'postgres',
  ): Promise<RawClient> {
    return RawClient.connect({ port: session.port, user, database: 'postgres', password, parameters });
  }

  async stop(): Promise<void> {
    for (const tap of this.#taps) tap.close();
    await this.server.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Passes bytes on and shows them to a machine, as the recorder's journal would: reduced by a cutter. */
function listen(client: Socket, server: Socket, records: DraftRecord[]): void {
  const machine = new SessionMachine(
    identity,
    defaultLimits,
    { record: (draft) => records.push(draft) },
    now(),
  );
  let isStarted = false;
  let frontend = reader('frontend', machine, false);
  let backend = reader('backend', machine, false);
  client.on('data', (chunk: Buffer) => {
    if (isStarted) frontend.push(chunk);
    else {
      machine.startup(chunk, now());
      const replicates = chunk.includes('replication\0');
      frontend = reader('frontend', machine, replicates);
      backend = reader('backend', machine, replicates);
    }
    isStarted = true;
    server.write(chunk);
  });
  server.on('data', (chunk: Buffer) => {
    backend.push(chunk);
    client.write(chunk);
  });
  const end = (): void => {
    client.destroy();
    server.destroy();
    machine.close({ why: 'client_closed', bytesFromClient: 0, bytesFromServer: 0 }, now());
  };
  for (const socket of [client, server]) {
    socket.on('error', () => {});
    socket.on('close', end);
  }
}

function reader(side: Side, machine: SessionMachine, replicates: boolean): FrameCutter {
  const frames = new FrameReader(side, inspectBytesMax, (tag, body, bodyBytes, sha256) =>
    machine[side](tag, body, bodyBytes, sha256, now()),
  );
  const sink: CutSink = {
    keep: (chunk, start, end) => frames.push(chunk, start, end),
    keepHeader: (header) => frames.push(header, 0, header.length),
    counted: (tag, count, bytes) => machine.counted(side, tag, count, bytes, now()),
    tail: (tag, bodyBytes, sha256) => frames.tail(tag, bodyBytes, sha256),
  };
  return new FrameCutter(side, inspectBytesMax, sink, replicates);
}

let tick = 0;

/** A clock that only counts: no record of these tests is about time. */
function now(): Instant {
  tick += 1;
  return { wallUs: 1_700_000_000_000_000 + tick, monoNs: 1e9 + tick * 1000 };
}

export function statementsOf(records: readonly DraftRecord[]): DraftOf<'statement'>[] {
  return records.flatMap((draft) => (draft.kind === 'statement' ? [draft] : []));
}

/** The last answer's tags, e.g. `TDCZ`; each message is sent alone. */
export async function run(client: RawClient, ...messages: readonly Buffer[]): Promise<string> {
  client.send(...messages);
  return client.until(String.fromCharCode(backendTag.ReadyForQuery));
}
