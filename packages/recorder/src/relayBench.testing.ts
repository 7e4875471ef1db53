/**
 * For tests: one real PostgreSQL, reached directly and through a relay, and the records decoded from the relay's journal. What a
 * script hears must be the same both ways, byte for byte.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import { defaultLimits } from '@pgtape/session';
import { type EmbeddedPostgres, startTestPostgres } from '@pgtape/testkit';
import { ReelDecoder } from './decoder.ts';
import { Exchange, stepsOf } from './exchange.testing.ts';
import { JournalReader } from './journalReader.ts';
import { quickDisk } from './pipelineFixture.testing.ts';
import { startRelay, type TestRelay, until } from './relayFixture.testing.ts';
import { emptyChain } from './sealer.ts';
import { readSnapshot, type SnapshotHead, snapshotVersion, writeSnapshot } from './snapshot.ts';

export interface PlayOptions {
  readonly parameters?: Readonly<Record<string, string>>;
  /** Sizes of the pieces in which everything is sent. */
  readonly sizes?: readonly number[];
}

/** A bug that another proxy shipped, as an exchange in which it would show. */
export interface PeerBug {
  /** Its number in peerBugs.test.ts. */
  readonly of: number;
  readonly bug: string;
  readonly script: string;
  readonly options?: PlayOptions;
  /** What is on tape, in short. */
  readonly records: readonly string[];
}

export interface Played {
  readonly pid: number;
  readonly heard: Buffer;
}

const settings = { limits: defaultLimits, heartbeatSeconds: 3600 };
const snapshotHead: SnapshotHead = {
  v: snapshotVersion,
  settings,
  position: { file: 1, offset: 0 },
  consumed: 0,
  chain: emptyChain,
  pending: [],
  pendingSinceNs: 0,
  nextSeq: 1,
  openSessions: 0,
  spans: [],
};

/** Decodes a journal as it grows. */
export class JournalTail {
  readonly records: DraftRecord[] = [];
  readonly #reader: JournalReader;
  readonly #record = (draft: DraftRecord): void =>
    void this.records.push(JSON.parse(JSON.stringify(draft)) as DraftRecord);
  #decoder = new ReelDecoder(settings, this.#record);
  readonly #restarts: { readonly everyTurns: number; readonly dir: string } | null;
  #turns = 0;

  /** @param restarts after so many turns decoding goes on from a snapshot, written to and read from `dir` */
  constructor(dir: string, restarts: { readonly everyTurns: number; readonly dir: string } | null = null) {
    this.#reader = new JournalReader(dir, null, 0);
    this.#restarts = restarts;
  }

  read(): DraftRecord[] {
    for (let found = this.#reader.read(); found !== 'none'; found = this.#reader.read()) {
      if (found === 'damaged') throw new Error(this.#reader.damage);
      this.#decoder.turn(this.#reader.ms, this.#reader.buffer, this.#reader.start, this.#reader.end);
      this.#turns += 1;
      if (this.#restarts !== null && this.#turns % this.#restarts.everyTurns === 0)
        this.#restart(this.#restarts.dir);
    }
    return this.records;
  }

  close(): void {
    this.#reader.close();
  }

  #restart(dir: string): void {
    writeSnapshot(quickDisk, dir, snapshotHead, () => this.#decoder.saved());
    const snapshot = readSnapshot(quickDisk, dir);
    if (snapshot === null) throw new Error('the snapshot cannot be read');
    this.#decoder = new ReelDecoder(settings, this.#record, snapshot.decoder);
  }
}

export class RelayBench {
  readonly postgres: EmbeddedPostgres;
  readonly relay: TestRelay;
  readonly #root: string;
  readonly #tail: JournalTail;

  private constructor(postgres: EmbeddedPostgres, relay: TestRelay, root: string) {
    this.postgres = postgres;
    this.relay = relay;
    this.#root = root;
    this.#tail = new JournalTail(relay.dir);
  }

  static async start(): Promise<RelayBench> {
    const root = mkdtempSync(join(tmpdir(), 'pgtape-bench-'));
    const postgres = await startTestPostgres({
      dir: join(root, 'cluster'),
      password: 'bench-5b1e-secret',
      settings: { fsync: 'off', max_prepared_transactions: '10', wal_level: 'logical' },
      hba: ['host all all 127.0.0.1/32 password', 'host replication all 127.0.0.1/32 password'],
    });
    const relay = await startRelay({ serverPort: postgres.port, trustUpstream: false });
    return new RelayBench(postgres, relay, root);
  }

  async stop(): Promise<void> {
    this.#tail.close();
    this.relay.close();
    await this.postgres.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** A session straight to the server, or through the relay. */
  open(
    way: 'direct' | 'recorded',
    parameters: Readonly<Record<string, string>> = {},
    version?: number,
  ): Promise<Exchange> {
    const { port } = way === 'direct' ? this.postgres : this.relay;
    const login = { port, password: this.postgres.password, parameters };
    return Exchange.open(version === undefined ? login : { ...login, version });
  }

  /** Plays the script; what is heard must be what it says, and nothing more. */
  async play(
    way: 'direct' | 'recorded',
    script: string,
    { parameters, sizes }: PlayOptions = {},
  ): Promise<Played> {
    const exchange = await this.open(way, parameters);
    let isOver = false;
    for (const step of stepsOf(script)) {
      if (step.kind === 'send') await exchange.send(step.bytes, sizes);
      else if (step.kind === 'hear') {
        expect({ way, heard: await exchange.hear(step.replies.length) }).toEqual({
          way,
          heard: step.replies,
        });
      } else if (step.kind === 'half_close') exchange.socket.end();
      else if (step.kind === 'reset') exchange.socket.resetAndDestroy();
      else expect({ way, heard: await exchange.ended() }).toEqual({ way, heard: [] });
      isOver = step.kind !== 'send' && step.kind !== 'hear';
    }
    if (!isOver) exchange.socket.end(Buffer.from([0x58, 0, 0, 0, 4]));
    if (!exchange.socket.destroyed) expect({ way, more: await exchange.ended() }).toEqual({ way, more: [] });
    exchange.socket.destroy();
    return { pid: exchange.pid, heard: exchange.heard };
  }

  /** The script directly and through the relay; the same is heard. Records of the recorded session, in short. */
  async both(script: string, options: PlayOptions = {}): Promise<string[]> {
    const direct = await this.play('direct', script, options);
    const recorded = await this.play('recorded', script, options);
    expect(recorded.heard.toString('latin1')).toBe(direct.heard.toString('latin1'));
    return this.taped(recorded.pid);
  }

  /** Records of a session that has ended, in short, without `opened`, `stretch` and `closed`. */
  async taped(pid: number): Promise<string[]> {
    const records = await this.closedSession(pid);
    return records.filter(({ kind }) => !/^(opened|stretch|closed|running)$/.test(kind)).map(inShort);
  }

  /** All records of the session of that backend, once the last of them is there. */
  async closedSession(pid: number): Promise<DraftRecord[]> {
    await until(() => this.session(pid).some(({ kind }) => kind === 'closed'), `the end of session ${pid}`);
    return this.session(pid);
  }

  session(pid: number): DraftRecord[] {
    const records = this.records();
    const opened = records.findLast(
      (draft) => draft.kind === 'opened' && draft.pid === pid && draft.protocol !== 'cancel',
    );
    if (opened?.kind !== 'opened') return [];
    return records.filter((draft) => 'session' in draft && draft.session === opened.session);
  }

  /** Everything on the reel so far, decoded anew with a restart from a snapshot after every so many turns. */
  recordsRestarted(everyTurns: number): DraftRecord[] {
    const dir = join(this.#root, 'snapshots');
    mkdirSync(dir, { recursive: true });
    const tail = new JournalTail(this.relay.dir, { everyTurns, dir });
    try {
      return tail.read();
    } finally {
      tail.close();
    }
  }

  /** Everything on the reel so far. */
  records(): DraftRecord[] {
    this.relay.relay.turn.run();
    return this.#tail.read();
  }

  /** One value out of the server, asked for directly. */
  async ask(sql: string): Promise<string> {
    const exchange = await this.open('direct');
    await exchange.send(Buffer.concat([Buffer.from('Q'), query(sql)]));
    let answer = '';
    for (;;) {
      const { tag, body } = await exchange.take();
      if (tag === 'D') answer = body.toString('utf8', 6);
      if (tag === 'E') throw new Error(body.toString());
      if (tag === 'Z') break;
    }
    exchange.socket.end(Buffer.from([0x58, 0, 0, 0, 4]));
    await exchange.ended();
    exchange.socket.destroy();
    return answer;
  }
}

function query(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length + 4);
  return Buffer.concat([length, text]);
}

/** `completed execute [select 1] <SELECT 1> rows=1 II committed`. */
export function inShort(draft: DraftRecord): string {
  if (draft.kind === 'gap') return `gap ${draft.reason}: ${draft.detail}`;
  if (draft.kind === 'transaction') {
    const ranges = draft.ranges.map(([first, last]) => `${first}-${last}`).join(' ') || 'none';
    return [
      'tx',
      draft.outcome,
      ranges,
      draft.savepoint && `to=${draft.savepoint}`,
      draft.gid && `gid=${draft.gid}`,
      draft.error?.sqlstate,
    ]
      .filter(Boolean)
      .join(' ');
  }
  if (draft.kind !== 'statement') return draft.kind;
  return [
    draft.n,
    draft.outcome,
    draft.stage,
    `[${draft.sql ?? draft.sql_unknown}]`,
    draft.params && `(${draft.params.map((one) => one.v ?? 'NULL').join(',')})`,
    draft.tag && `<${draft.tag}>`,
    draft.returned_rows > 0 && `rows=${draft.returned_rows}`,
    draft.copy && `copy-${draft.copy.direction}=${draft.copy.messages}/${draft.copy.bytes}`,
    draft.error?.sqlstate,
    draft.continues && `continues ${draft.continues}`,
    `${draft.tx_before ?? '-'}${draft.tx_after ?? '-'}`,
    draft.fate,
  ]
    .filter(Boolean)
    .join(' ');
}
