/** Writes sound archives for tests and measurements: real lines, trees, seals and signatures, made-up content. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type DraftOf,
  type DraftRecord,
  decodeObject,
  type ExampleLog,
  type ExampleLogPlan,
  encodeObject,
  exampleLeaves,
  exampleLog,
  headerLine,
  headerSaltOf,
  lineBytesBound,
  newSigner,
  type Signer,
  saltsOf,
  sealDigest,
  sealLine,
  segmentKey,
  writeLine,
  ZERO_DIGEST,
} from '@pgtape/evidence';
import { MerkleTree } from '@pgtape/tlog';

const policy = 'ab'.repeat(32);
export const recorderId = '00112233445566aa';

/** Seals the records of one reel and writes its objects below `root`. */
export class ReelWriter {
  readonly reel: string;
  readonly #recorder: string;
  readonly #root: string;
  readonly #recoveryKey = newSigner().publicKey;
  #signer: Signer = newSigner();
  #segment = 0;
  #seq = 1;
  #prev: string = ZERO_DIGEST;

  constructor(root: string, reel: string, recorder: string = recorderId) {
    this.#root = root;
    this.#recorder = recorder;
    this.reel = reel;
  }

  /** One segment; returns its key. */
  seal(drafts: readonly DraftRecord[]): string {
    this.#segment += 1;
    const { reel } = this;
    const header = headerLine({
      v: 1,
      kind: 'header',
      reel,
      recorder: this.#recorder,
      segment: this.#segment,
      salt: headerSaltOf(reel, this.#segment),
      key: this.#signer.publicKey,
      recovery_key: this.#recoveryKey,
      recovered: false,
      boot: 'boot',
      clock: 'tsc',
      host: 'db-0',
      name: 'test',
      version: '0.1.0',
    });
    const salts = saltsOf(reel, this.#seq, drafts.length);
    const lines = [Buffer.from(header)];
    for (const [index, draft] of drafts.entries()) {
      const out = Buffer.allocUnsafe(lineBytesBound(draft));
      const sealed = { reel, seq: this.#seq + index, salt: salts[index] as string };
      lines.push(out.subarray(0, writeLine(draft, sealed, out, 0)));
    }
    const tree = new MerkleTree();
    for (const line of lines) tree.push(line);
    const next = newSigner();
    const seal = sealLine(
      {
        reel,
        segment: this.#segment,
        first_seq: this.#seq,
        last_seq: this.#seq + drafts.length - 1,
        count: drafts.length,
        root: Buffer.from(tree.root()).toString('hex'),
        prev: this.#prev,
        open_sessions: 0,
        policy,
        next_key: next.publicKey,
        at: '1795212000000000000',
      },
      this.#signer,
    );
    this.#prev = sealDigest(seal);
    this.#seq += drafts.length;
    this.#signer = next;
    const key = segmentKey(this.#recorder, reel, this.#segment);
    const path = join(this.#root, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, encodeObject([...lines, Buffer.from(seal)]));
    return key;
  }
}

/** Wall nanoseconds `ms` after 2026-11-20T10:00:00Z, as lines have them. */
export function wallAt(ms: number): string {
  return `${1_795_168_800_000_000 + Math.round(ms * 1000)}000`;
}

const head = (ms: number) => ({ at: wallAt(ms), mono: String(Math.round(ms * 1e6)) });

export const drafts = {
  reelOpened: (ms = 0): DraftOf<'reel_opened'> => ({
    ...head(ms),
    kind: 'reel_opened',
    recorder: recorderId,
    name: 'test',
    version: '0.1.0',
    upstream: '127.0.0.1:5432',
    listen: '127.0.0.1:6432',
    journal: 'memory',
    trust_upstream: false,
    policy,
  }),
  vaultOpened: (ms = 0, more: Partial<DraftOf<'vault_opened'>> = {}): DraftOf<'vault_opened'> => ({
    ...head(ms),
    kind: 'vault_opened',
    recorder: recorderId,
    name: 'main',
    version: '0.1.0',
    store: 'file',
    lock: 'none',
    log: 'example.test/log',
    config: policy,
    ...more,
  }),
  reelClosed: (sessions: number, statements: number, ms = 0): DraftOf<'reel_closed'> => ({
    ...head(ms),
    kind: 'reel_closed',
    why: 'stopped',
    sessions,
    statements,
  }),
  opened: (session: string, ms: number, more: Partial<DraftOf<'opened'>> = {}): DraftOf<'opened'> => ({
    ...head(ms),
    kind: 'opened',
    session,
    n: 1,
    start: wallAt(ms),
    client: { address: '10.0.0.7', port: 51_234 },
    server: { address: '127.0.0.1', port: 5432 },
    tls: false,
    protocol: '3.0',
    user: 'ada',
    database: 'shop',
    application_name: 'psql',
    auth: 'scram-sha-256',
    server_version: '18.0',
    pid: 4711,
    ready: true,
    ...more,
  }),
  statement: (
    session: string,
    n: number,
    ms: number,
    sql: string | null,
    more: Partial<DraftOf<'statement'>> = {},
  ): DraftOf<'statement'> => ({
    ...head(ms),
    kind: 'statement',
    session,
    n,
    protocol: 'simple',
    sql,
    outcome: 'completed',
    stage: 'query',
    tag: 'SELECT 1',
    rows: 1,
    returned_rows: 1,
    returned_bytes: 11,
    start: wallAt(ms),
    first_ns: 200_000,
    duration_ns: 250_000,
    timing: 'exact',
    tx_before: 'I',
    tx_after: 'I',
    ...more,
  }),
  closed: (session: string, n: number, ms: number, statements: number): DraftOf<'closed'> => ({
    ...head(ms),
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
} as const;

const users = ['ada', 'grace', 'shop_app', 'metabase', 'batch'];
const texts: readonly ((i: number) => string)[] = [
  (i) => `SELECT id, customer, amount FROM shop.orders WHERE id = ${i}`,
  (i) => `UPDATE shop.orders SET amount = amount * 1.${i % 90} WHERE customer = 'customer ${i % 997}'`,
  () => 'INSERT INTO shop.orders (customer, amount, note) VALUES ($1, $2, $3) RETURNING id',
  (i) => `SELECT "größe", 'Zürich ${i}' FROM "Länder" WHERE e = E'a\\nb'`,
  (i) =>
    `select o.id,\n       o.amount\n  from shop.orders o\n  join shop.customers c using (customer)\n where c.id = ${i}`,
  () => 'BEGIN',
  () => 'COMMIT',
  (i) => `DELETE FROM audit.log WHERE at < now() - interval '${i % 30} days'`,
];

function bigStatement(session: string, n: number, i: number): DraftOf<'statement'> {
  const sql =
    i % 50_000 === 77 ? `DROP TABLE rare_${i}` : (texts[i % texts.length] as (i: number) => string)(i);
  const failed = i % 101 === 0;
  const isSelect = /^select/i.test(sql);
  const rows = isSelect ? i % 1000 : 1;
  return drafts.statement(session, n, i * 0.4, sql, {
    duration_ns: i % 5_003 === 0 ? 2_500_000_000 : 100_000 + (i % 7_919) * 1000,
    ...(failed
      ? {
          outcome: 'failed',
          error: { severity: 'ERROR', sqlstate: i % 2 === 0 ? '23505' : '42601', message: 'made up' },
        }
      : { tag: isSelect ? `SELECT ${rows}` : (sql.split(' ', 1)[0] as string) }),
    rows,
    returned_rows: isSelect ? rows : 0,
    ...(sql.includes('$1')
      ? {
          protocol: 'extended' as const,
          stage: 'execute' as const,
          params: [
            { v: `Zoë ${i}`, enc: 'text', format: 'text', type: 'text', oid: 25, len: 7 },
            { v: String(i), enc: 'text', format: 'text', type: 'numeric', oid: 1700, len: 5 },
            { v: null, enc: 'text', format: 'text', type: 'text', oid: 25, len: -1 },
          ],
        }
      : {}),
  });
}

/** Writes a log over the segments of an archive beside it, as its vault would have. */
export function writeLog(root: string, keys: readonly string[], plan: ExampleLogPlan = {}): ExampleLog {
  const segments = keys.map((key) => {
    const object = readFileSync(join(root, key));
    const lines = Buffer.from(decodeObject(object)).toString('utf8').trimEnd().split('\n');
    return { key, object, lines: lines.map((line) => Buffer.from(line)) };
  });
  const log = exampleLog(exampleLeaves(segments), plan);
  for (const [key, bytes] of log.objects) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), bytes);
  }
  return log;
}

/** An archive of `statements` statements in `reels` reels of 40 sessions each, `perSegment` statements a segment. */
export function writeBigArchive(root: string, statements: number, reels: number, perSegment: number): void {
  const each = Math.floor(statements / reels);
  for (let r = 0; r < reels; r += 1) {
    const writer = new ReelWriter(root, (0xa0 + r).toString(16).repeat(16));
    const prefix = writer.reel.slice(0, 16);
    const count = 40;
    const ordinals = new Array<number>(count).fill(0);
    for (let from = 0; from < each; from += perSegment) {
      const records: DraftRecord[] = from === 0 ? [drafts.reelOpened()] : [];
      for (let i = from; i < Math.min(each, from + perSegment); i += 1) {
        const at = r * each + i;
        const turn = Math.floor(i / 25) % count;
        const session = `${prefix}-${turn + 1}`;
        if (ordinals[turn] === 0) {
          ordinals[turn] = 1;
          const user = users[turn % users.length] as string;
          records.push(drafts.opened(session, at * 0.4, { user, application_name: `${user} app` }));
        }
        const n = (ordinals[turn] as number) + 1;
        ordinals[turn] = n;
        records.push(bigStatement(session, n, at));
      }
      if (from + perSegment >= each) {
        for (const [turn, n] of ordinals.entries()) {
          if (n > 0) records.push(drafts.closed(`${prefix}-${turn + 1}`, n + 1, (r + 1) * each * 0.4, n - 1));
        }
        records.push(drafts.reelClosed(ordinals.filter((n) => n > 0).length, each, (r + 1) * each * 0.4));
      }
      writer.seal(records);
    }
  }
}
