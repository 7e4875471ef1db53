/** For tests: a relay whose spool is as full and whose disk is as broken as a test says, clients that count answers, and the records. */
import type { Socket } from 'node:net';
import type { DraftRecord } from '@pgtape/evidence';
import { defaultLimits } from '@pgtape/session';
import { ReelDecoder } from './decoder.ts';
import { type JournalDisk, journalDisk } from './journalFile.ts';
import { JournalReader } from './journalReader.ts';
import {
  authentication,
  connectTo,
  frame,
  ready,
  startRelay,
  startServer,
  startupMessage,
  type TestClient,
  type TestRelay,
  type TestRelayOptions,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

/** Fullness of a spool of 1000 bytes with marks at 900 and 500. */
export interface Levels {
  outboxBytes: number;
  isOutboxFailing: boolean;
}

/** A disk that fails as told: with nothing written, or with half of it (a short write, then the error). */
export interface Fault {
  code: string | null;
  isShort: boolean;
  /** Writes that still work before that ... */
  after: number;
  /** ... and how many then do not. */
  times: number;
}

export interface FullRelay {
  readonly relay: TestRelay;
  readonly server: TestServer;
  readonly levels: Levels;
  readonly fault: Fault;
  /** The recorder stops; what is then in the journal, decoded. */
  stop(): DraftRecord[];
  /** What a recorder that is killed now leaves, decoded. */
  killed(): DraftRecord[];
  close(): Promise<void>;
}

const completed = Buffer.concat([frame('C', 'SELECT 1\0'), ready]);
const statementsAnswered = new Set([0x51, 0x53]);

/** Lets clients in; answers Query and Sync, and what stands before a Sync with what belongs to it. */
export function answerAll(socket: Socket): void {
  let isOpen = false;
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    if (!isOpen) {
      isOpen = true;
      const told = frame('S', 'server_version\x0018.6\0');
      socket.write(
        Buffer.concat([authentication(0), told, frame('K', Buffer.from('00001092000000ff', 'hex')), ready]),
      );
      return;
    }
    rest = Buffer.concat([rest, chunk]);
    const out: Buffer[] = [];
    while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
      const tag = rest[0]!;
      rest = rest.subarray(1 + rest.readInt32BE(1));
      if (tag === 0x50) out.push(frame('1'));
      else if (tag === 0x42) out.push(frame('2'));
      else if (tag === 0x45) out.push(frame('C', 'SELECT 1\0'));
      else if (statementsAnswered.has(tag)) out.push(tag === 0x51 ? completed : ready);
    }
    if (out.length > 0) socket.write(Buffer.concat(out));
  });
  socket.on('end', () => socket.end());
}

export async function startFull(
  options: Partial<TestRelayOptions> = {},
  serve: (socket: Socket) => void = answerAll,
): Promise<FullRelay> {
  const levels: Levels = { outboxBytes: 0, isOutboxFailing: false };
  const fault: Fault = { code: null, isShort: false, after: 0, times: Number.POSITIVE_INFINITY };
  const server = await startServer(serve);
  const relay = await startRelay({
    serverPort: server.port,
    disk: faultyDisk(fault),
    backlogBytes: () => 0,
    spool: {
      ...{ maxBytes: 1000, highWater: 0.9, lowWater: 0.5 },
      outboxBytes: () => levels.outboxBytes,
      isOutboxFailing: () => levels.isOutboxFailing,
    },
    ...options,
  });
  let records: DraftRecord[] | null = null;
  const killed = (): DraftRecord[] => decoded(relay.dir);
  const stop = (): DraftRecord[] => {
    relay.relay.stop();
    relay.relay.journal.end();
    relay.relay.turn.run();
    records ??= killed();
    return records;
  };
  const close = async (): Promise<void> => {
    relay.close();
    await server.close();
  };
  return { relay, server, levels, fault, stop, killed, close };
}

function faultyDisk(fault: Fault): JournalDisk {
  return {
    ...journalDisk,
    write: (fd, bytes, offset, length) => {
      if (fault.code === null || fault.after > 0 || fault.times <= 0) {
        fault.after -= 1;
        return journalDisk.write(fd, bytes, offset, length);
      }
      if (fault.isShort && length > 1) {
        fault.isShort = false;
        return journalDisk.write(fd, bytes, offset, length >> 1);
      }
      fault.times -= 1;
      throw Object.assign(new Error(fault.code), { code: fault.code });
    },
  };
}

/** A reel's journal as the evidence worker, or, without an end, the next start, decodes it. */
function decoded(dir: string): DraftRecord[] {
  const records: DraftRecord[] = [];
  const settings = { limits: defaultLimits, heartbeatSeconds: 3600 };
  const decoder = new ReelDecoder(settings, (draft) => records.push(JSON.parse(JSON.stringify(draft))));
  const reader = new JournalReader(dir, null, 0);
  for (let found = reader.read(); found !== 'none'; found = reader.read()) {
    if (found === 'damaged') throw new Error(reader.damage);
    decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
  }
  reader.close();
  decoder.crashed();
  return records;
}

/** A client that counts what was answered. */
export class Teller {
  /** Statements whose ReadyForQuery has come. */
  asked = 0;
  readonly client: TestClient;

  constructor(client: TestClient) {
    this.client = client;
  }

  static async open(port: number, parameters?: Readonly<Record<string, string>>): Promise<Teller> {
    const client = await connectTo(port);
    client.socket.write(startupMessage(parameters));
    await until(() => readies(client) === 1, 'opened');
    return new Teller(client);
  }

  get answered(): number {
    return readies(this.client) - 1;
  }

  send(...texts: string[]): void {
    for (const text of texts) this.client.socket.write(frame('Q', `${text}\0`));
    this.asked += texts.length;
  }

  async run(...texts: string[]): Promise<void> {
    this.send(...texts);
    await until(() => this.answered === this.asked, `answers to ${texts.join()}`);
  }
}

const idle = Buffer.from(ready);

function readies({ received }: TestClient): number {
  const bytes = received();
  let count = 0;
  for (let at = bytes.indexOf(idle); at >= 0; at = bytes.indexOf(idle, at + idle.length)) count += 1;
  return count;
}

/** What records say of statements: recorded with their outcome, lost, and passed unrecorded. */
export function accounted(records: readonly DraftRecord[]): {
  completed: number;
  lost: number;
  passed: number;
} {
  const count = { completed: 0, lost: 0, passed: 0 };
  for (const record of records) {
    if (record.kind === 'statement' && record.outcome === 'completed') count.completed += 1;
    else if (record.kind === 'statement') count.lost += 1;
    else if (record.kind === 'gap') count.passed += record.statements ?? 0;
  }
  return count;
}

/** Records in short. */
export function told(records: readonly DraftRecord[]): string[] {
  return records.flatMap((record) => {
    const whose = 'session' in record && record.session !== undefined ? record.session.split('-')[1] : 'reel';
    if (record.kind === 'statement')
      return [`${whose} ${record.outcome} ${record.sql ?? record.sql_unknown}`];
    if (record.kind === 'gap') {
      const sessions = record.sessions === undefined ? '' : ` of ${record.sessions} sessions`;
      return [`${whose} gap ${record.reason} ${record.statements ?? '?'}${sessions}`];
    }
    if (record.kind === 'closed') return [`${whose} closed ${record.why}`];
    return record.kind === 'opened' ? [`${whose} opened ${record.user}`] : [];
  });
}
