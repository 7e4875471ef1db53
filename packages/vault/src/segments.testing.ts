/** Owns real signed segments, as a recorder would send them, for tests of the vault. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DraftRecord,
  headerLine,
  newSigner,
  recoverySigner,
  type Signer,
  sealDigest,
  sealLine,
  ZERO_DIGEST,
} from '@pgtape/evidence';
import {
  exportTracePath,
  type GrpcClient,
  SegmentRequest,
  type UnaryOptions,
  type UnaryReply,
} from '@pgtape/otlp';
import { MerkleTree } from '@pgtape/tlog';

/** What a recorder is told in the end: on a disk that others keep busy the vault's own reel is late, and the request sent again. */
export async function answerTo(
  client: GrpcClient,
  request: Uint8Array,
  more: Partial<UnaryOptions> = {},
): Promise<UnaryReply> {
  for (;;) {
    const options = { encoding: 'zstd', timeoutMs: 60_000, ...more } as const;
    const reply = await client.unary(exportTracePath, request, options);
    if (!reply.message.includes('VAULT_REEL_LATE')) return reply;
    await sleep(50);
  }
}

export interface TestSegment {
  readonly segment: number;
  /** ExportTraceServiceRequest. */
  readonly request: Uint8Array;
  readonly sealDigest: string;
  readonly nextKey: string;
  readonly lastSeq: number;
  /** Record lines. */
  readonly records: readonly string[];
}

/** What a segment says otherwise than its reel would have it. */
export interface Twist {
  readonly segment?: number;
  readonly prev?: string;
  readonly firstSeq?: number;
  readonly signer?: Signer;
  /** Signed with the reel's recovery key, and naming it for the next, unless told otherwise. */
  readonly recovered?: boolean;
  readonly nextKey?: string;
  readonly recoveryKey?: string;
  readonly recorder?: string;
  /** The segment is made, but the reel goes on as if it were not. */
  readonly aside?: boolean;
}

const wallUs = 1_795_000_000_000_000;
const noPolicy = '0'.repeat(64);
const salt = '00112233aabbccdd';

/** One recorder's reel; each `next` seals one segment. */
export class TestReel {
  readonly reel: string;
  readonly recorder: string;
  /** The recorder's, in header and `reel_opened`. */
  readonly name: string;
  /** Of its seals from the next on. */
  policy = noPolicy;
  readonly session: string;
  /** What only the journal has. */
  readonly recovery: Signer = recoverySigner(randomBytes(16).toString('hex'));
  #signer = newSigner();
  #segment = 0;
  #prev = ZERO_DIGEST;
  #seq = 0;
  #n = 0;

  constructor(
    recorder: string = randomBytes(8).toString('hex'),
    reel: string = randomBytes(16).toString('hex'),
    name = 'test',
  ) {
    this.name = name;
    this.recorder = recorder;
    this.reel = reel;
    this.session = `${this.reel.slice(0, 16)}-1`;
  }

  /** A reel of `count` segments: the first opens reel and session, the last closes both. */
  static whole(count: number, recorder?: string): { reel: TestReel; segments: TestSegment[] } {
    const reel = new TestReel(recorder);
    const segments = Array.from({ length: count }, (_, i) => {
      const drafts = [...(i === 0 ? reel.opening() : []), reel.statement(`SELECT ${i}`)];
      return reel.next(i === count - 1 ? [...drafts, ...reel.closing()] : drafts);
    });
    return { reel, segments };
  }

  /** Seals `drafts`, one statement unless told. */
  next(drafts: readonly DraftRecord[] = [this.statement('SELECT 1')], twist: Twist = {}): TestSegment {
    const recovered = twist.recovered === true;
    const signer = twist.signer ?? (recovered ? this.recovery : this.#signer);
    const following = recovered ? this.recovery : newSigner();
    const nextKey = twist.nextKey ?? following.publicKey;
    const segment = twist.segment ?? this.#segment + 1;
    const firstSeq = twist.firstSeq ?? this.#seq + 1;
    const lastSeq = firstSeq + drafts.length - 1;
    const header = this.#header(segment, signer, twist);
    const request = new SegmentRequest({ 'service.name': 'pgtape-recorder' });
    const tree = new MerkleTree();
    request.begin(header);
    tree.push(Buffer.from(header));
    const records = drafts.map((draft, i) => {
      const line = Buffer.from(request.record(draft, { reel: this.reel, seq: firstSeq + i, salt }));
      tree.push(line);
      return line.toString();
    });
    const seal = sealLine(
      {
        reel: this.reel,
        segment,
        first_seq: firstSeq,
        last_seq: lastSeq,
        count: drafts.length,
        root: Buffer.from(tree.root()).toString('hex'),
        prev: twist.prev ?? this.#prev,
        open_sessions: this.#n > 0 ? 1 : 0,
        policy: this.policy,
        next_key: nextKey,
        at: String(wallUs * 1000),
      },
      signer,
    );
    const bytes = Uint8Array.from(request.end(seal));
    const digest = sealDigest(seal);
    if (twist.aside !== true) {
      this.#signer = following;
      this.#segment = segment;
      this.#prev = digest;
      this.#seq = lastSeq;
    }
    return { segment, request: bytes, sealDigest: digest, nextKey, lastSeq, records };
  }

  opening(): DraftRecord[] {
    const where = { upstream: '127.0.0.1:5432', listen: '127.0.0.1:5433' };
    return [
      {
        ...this.#clock(),
        kind: 'reel_opened',
        recorder: this.recorder,
        name: this.name,
        version: '0.1.0',
        ...where,
        journal: 'memory',
        trust_upstream: false,
        policy: this.policy,
      },
      {
        ...this.#clock(),
        kind: 'opened',
        ...this.#inSession(),
        start: String(wallUs * 1000),
        client: { address: '127.0.0.1', port: 40_000 },
        server: { address: '127.0.0.1', port: 5432 },
        tls: false,
        protocol: '3.0',
        user: 'anna',
        database: 'shop',
        application_name: 'psql',
        auth: 'scram-sha-256',
        server_version: '18.1',
        pid: 4711,
        ready: true,
      },
    ];
  }

  statement(sql: string): DraftRecord {
    return {
      ...this.#clock(),
      kind: 'statement',
      ...this.#inSession(),
      protocol: 'simple',
      sql,
      outcome: 'completed',
      stage: 'query',
      tag: 'SELECT 1',
      rows: 1,
      returned_rows: 1,
      returned_bytes: 11,
      start: String(wallUs * 1000),
      first_ns: 1000,
      duration_ns: 2000,
      timing: 'exact',
      tx_before: 'I',
      tx_after: 'I',
      fate: 'committed',
    };
  }

  closing(): DraftRecord[] {
    const session = this.#inSession();
    const statements = session.n - 2;
    return [
      {
        ...this.#clock(),
        kind: 'closed',
        ...session,
        why: 'terminated',
        duration_ns: 5000,
        statements,
        failed: 0,
        rows: statements,
        bytes: 11 * statements,
        bytes_from_client: 100,
        bytes_from_server: 200,
      },
      { ...this.#clock(), kind: 'reel_closed', why: 'stopped', sessions: 1, statements },
    ];
  }

  #header(segment: number, signer: Signer, twist: Twist): string {
    return headerLine({
      v: 1,
      kind: 'header',
      reel: this.reel,
      recorder: twist.recorder ?? this.recorder,
      segment,
      salt,
      key: signer.publicKey,
      recovery_key: twist.recoveryKey ?? this.recovery.publicKey,
      recovered: twist.recovered ?? false,
      boot: 'boot',
      clock: 'realtime+monotonic',
      host: 'test',
      name: this.name,
      version: '0.1.0',
    });
  }

  #clock(): { at: string; mono: string } {
    return { at: String(wallUs * 1000), mono: '1000' };
  }

  #inSession(): { session: string; n: number } {
    this.#n += 1;
    return { session: this.session, n: this.#n };
  }
}
