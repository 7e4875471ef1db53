/**
 * Small reels with known keys and times, the same bytes on every run: for the worked bytes in docs/formats
 * and for tests here and in e2e. Nothing in it is evidence, for its private keys are public.
 */
import { hash } from 'node:crypto';
import { MerkleTree } from '@pgtape/tlog';
import { lineBytesBound, writeLine } from './line.ts';
import type { DraftOf, DraftRecord } from './record.ts';
import { headerSaltOf, saltsOf } from './salts.ts';
import { headerLine, sealDigest, sealLine, ZERO_DIGEST } from './seal.ts';
import { segmentKey } from './segmentKey.ts';
import { encodeObject } from './segmentObject.ts';
import { recoverySigner, type Signer, signerFromSeed } from './signer.ts';

export interface ExampleSegment {
  readonly key: string;
  readonly object: Uint8Array;
  /** Header, records, seal; without newlines. */
  readonly lines: readonly Buffer[];
}

export interface ExampleTwist {
  readonly signer?: Signer;
  readonly nextKey?: string;
  readonly recoveryKey?: string;
  readonly recovered?: boolean;
}

export interface ExamplePlan {
  /** 32 hex digits. */
  readonly reel: string;
  /** 16 hex digits. */
  readonly recorder: string;
  /** Records of each segment. */
  readonly segments: readonly (readonly DraftRecord[])[];
  /** From this segment on (1, 2, ...) sealed from the journal, with the key of its seed. */
  readonly recoveredFrom?: number;
  /** What a segment says otherwise than the format demands; its seal is sound all the same. */
  readonly twist?: (segment: number) => ExampleTwist;
  /** Names another family of keys. */
  readonly keys?: string;
}

const policy = hash('sha256', 'example policy');

/** Signer of a segment; its private key is SHA-256 of `<keys> <segment>`. */
export function exampleSigner(keys: string, segment: number): Signer {
  return signerFromSeed(hash('sha256', `${keys} ${segment}`, 'buffer'));
}

/** Seals a reel's records, segment by segment. */
export function exampleReel(plan: ExamplePlan): ExampleSegment[] {
  const { reel, recorder, keys = 'example key', recoveredFrom = Number.POSITIVE_INFINITY } = plan;
  const recovery = recoverySigner(reel);
  let prev = ZERO_DIGEST;
  let firstSeq = 1;
  return plan.segments.map((drafts, index) => {
    const segment = index + 1;
    const twist = plan.twist?.(segment) ?? {};
    const recovered = twist.recovered ?? segment >= recoveredFrom;
    const signer = twist.signer ?? (recovered ? recovery : exampleSigner(keys, segment));
    // The next key of a recorder that dies is one that nobody can use any more.
    const next = recovered ? recovery : exampleSigner(keys, segment + 1);
    const recoveryKey = twist.recoveryKey ?? recovery.publicKey;
    const salt = headerSaltOf(reel, segment);
    const ids = { reel, recorder, segment, salt, key: signer.publicKey, recovery_key: recoveryKey };
    const header = headerLine({
      v: 1,
      kind: 'header',
      ...ids,
      recovered,
      boot: 'boot',
      clock: 'tsc',
      host: 'db-0',
      name: 'example',
      version: '0.1.0',
    });
    const lines = [Buffer.from(header), ...recordLines(drafts, reel, firstSeq)];
    const seal = sealLine(
      {
        reel,
        segment,
        first_seq: firstSeq,
        last_seq: firstSeq + drafts.length - 1,
        count: drafts.length,
        root: rootOf(lines),
        prev,
        open_sessions: 0,
        policy,
        next_key: twist.nextKey ?? next.publicKey,
        at: '1795212000000000000',
      },
      signer,
    );
    lines.push(Buffer.from(seal));
    prev = sealDigest(seal);
    firstSeq += drafts.length;
    return { key: segmentKey(recorder, reel, segment), object: encodeObject(lines), lines };
  });
}

function recordLines(drafts: readonly DraftRecord[], reel: string, firstSeq: number): Buffer[] {
  // The seed is the reel's id only here; a recorder draws it at random and keeps it in its journal.
  const salts = saltsOf(reel, firstSeq, drafts.length);
  return drafts.map((draft, i) => {
    const out = Buffer.alloc(lineBytesBound(draft));
    return out.subarray(0, writeLine(draft, { reel, seq: firstSeq + i, salt: salts[i]! }, out, 0));
  });
}

function rootOf(lines: readonly Buffer[]): string {
  const tree = new MerkleTree();
  for (const line of lines) tree.push(line);
  return Buffer.from(tree.root()).toString('hex');
}

const head = { at: '1795212000000000000', mono: '1000' } as const;

/** Records of one kind each, with times and texts that mean nothing. */
export const exampleRecords = {
  reelOpened: (recorder: string): DraftOf<'reel_opened'> => ({
    ...head,
    kind: 'reel_opened',
    recorder,
    name: 'example',
    version: '0.1.0',
    upstream: '127.0.0.1:5432',
    listen: '127.0.0.1:6432',
    journal: 'memory',
    trust_upstream: false,
    policy,
  }),
  reelClosed: (sessions: number, statements: number): DraftOf<'reel_closed'> => ({
    ...head,
    kind: 'reel_closed',
    why: 'stopped',
    sessions,
    statements,
  }),
  opened: (session: string): DraftOf<'opened'> => ({
    ...head,
    kind: 'opened',
    session,
    n: 1,
    start: head.at,
    client: { address: '127.0.0.1', port: 51234 },
    server: { address: '127.0.0.1', port: 5432 },
    tls: false,
    protocol: '3.0',
    user: 'alice',
    database: 'shop',
    application_name: 'psql',
    auth: 'scram-sha-256',
    server_version: '18.0',
    pid: 4711,
    ready: true,
  }),
  statement: (session: string, n: number, sql: string): DraftOf<'statement'> => ({
    ...head,
    kind: 'statement',
    session,
    n,
    protocol: 'extended',
    sql,
    statement: '',
    portal: '',
    params: [{ v: 'é', enc: 'text', format: 'text', type: 'text', oid: 25, len: 2 }],
    outcome: 'completed',
    stage: 'execute',
    tag: 'SELECT 1',
    rows: 1,
    returned_rows: 1,
    returned_bytes: 11,
    start: head.at,
    first_ns: 200_000,
    duration_ns: 250_000,
    timing: 'exact',
    tx_before: 'I',
    tx_after: 'I',
    fate: 'committed',
  }),
  closed: (session: string, n: number, statements: number): DraftOf<'closed'> => ({
    ...head,
    kind: 'closed',
    session,
    n,
    why: 'terminated',
    duration_ns: 1_000_000,
    statements,
    failed: 0,
    rows: statements,
    bytes: 11 * statements,
    bytes_from_client: 200,
    bytes_from_server: 400,
  }),
  vaultOpened: (
    recorder: string,
    previous?: DraftOf<'vault_opened'>['previous'],
  ): DraftOf<'vault_opened'> => ({
    ...head,
    kind: 'vault_opened',
    recorder,
    name: 'example',
    version: '0.1.0',
    store: 'file',
    lock: 'none',
    log: 'example.test/log',
    config: policy,
    ...(previous !== undefined && { previous }),
  }),
  enrolment: (of: Pick<DraftOf<'enrolment'>, 'of_reel' | 'of_recorder' | 'key' | 'recovery_key'>) => ({
    ...head,
    kind: 'enrolment' as const,
    ...of,
    method: 'secret' as const,
    name: 'shop',
  }),
  orphaned: (
    of: Pick<DraftOf<'orphaned'>, 'of_reel' | 'of_recorder' | 'segment' | 'seal'>,
    podUid: string,
  ): DraftOf<'orphaned'> => ({
    ...head,
    kind: 'orphaned',
    of_reel: of.of_reel,
    of_recorder: of.of_recorder,
    reason: 'pod_gone',
    pod: 'shop/orders-0',
    pod_uid: podUid,
    segment: of.segment,
    seal: of.seal,
  }),
  alert: (reason: DraftOf<'alert'>['reason'], ofReel?: string): DraftOf<'alert'> => ({
    ...head,
    kind: 'alert',
    state: 'raised',
    reason,
    ...(ofReel !== undefined && { of_reel: ofReel }),
    detail: 'example',
  }),
  gap: (reason: DraftOf<'gap'>['reason'], session?: string, n?: number): DraftOf<'gap'> => ({
    ...head,
    kind: 'gap',
    ...(session !== undefined && { session }),
    ...(n !== undefined && { n }),
    reason,
    detail: 'example',
  }),
} as const;

/** Two reels that end in order: one of three segments with two sessions, one of a single segment. */
export function exampleArchive(): ExampleSegment[] {
  const { reelOpened, opened, statement, closed, reelClosed } = exampleRecords;
  const recorder = '00112233445566aa';
  const first = '0102030405060708090a0b0c0d0e0f10';
  const second = 'f1f2f3f4f5f6f7f8f9fafbfcfdfeff00';
  const [a, b, c] = [`${first.slice(0, 16)}-1`, `${first.slice(0, 16)}-2`, `${second.slice(0, 16)}-1`];
  return [
    ...exampleReel({
      reel: first,
      recorder,
      segments: [
        [reelOpened(recorder), opened(a), statement(a, 2, 'SELECT $1::text')],
        [opened(b), statement(b, 2, 'SELECT 2'), closed(b, 3, 1), statement(a, 3, 'SELECT 3')],
        [statement(a, 4, 'SELECT "4\n"'), closed(a, 5, 3), reelClosed(2, 4)],
      ],
    }),
    ...exampleReel({
      reel: second,
      recorder,
      keys: 'other key',
      segments: [
        [reelOpened(recorder), opened(c), statement(c, 2, 'SELECT 1'), closed(c, 3, 1), reelClosed(1, 1)],
      ],
    }),
  ];
}
