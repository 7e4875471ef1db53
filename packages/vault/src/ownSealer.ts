/**
 * Owns the sealing of the vault's own reel: numbers, salts, chain and keys, each of which signs one segment
 * and names the next. The private keys live here and nowhere else. It refuses to know where segments go.
 */
import { hash, randomBytes } from 'node:crypto';
import {
  checkSegment,
  type DraftRecord,
  headerLine,
  headerSaltOf,
  joinLines,
  lineBytesBound,
  newSigner,
  type SegmentSuccess,
  saltsOf,
  sealLine,
  writeLine,
  ZERO_DIGEST,
} from '@pgtape/evidence';
import { MerkleTree } from '@pgtape/tlog';

/** What stands in each header. */
export interface OwnIdentity {
  /** 32 hex digits. */
  readonly reel: string;
  /** The vault's id, 16 hex digits. */
  readonly recorder: string;
  readonly host: string;
  readonly name: string;
  readonly version: string;
  readonly boot: string;
  /** SHA-256 of the configuration, hex: what a recorder's policy is to its reel. */
  readonly config: string;
}

/** Where a record came to stand. */
export interface AppendedRecord {
  readonly seq: number;
  /** SHA-256 of its line, hex. */
  readonly line: string;
}

export interface OwnSegment {
  readonly segment: SegmentSuccess;
  /** Header, records and seal, each with its newline. */
  readonly text: Uint8Array;
  /** In the order of the drafts. */
  readonly appended: readonly AppendedRecord[];
}

export class OwnSealer {
  readonly #identity: OwnIdentity;
  readonly #saltSeed = randomBytes(16).toString('hex');
  /** Its private half is gone at once: there is no journal, so nobody may ever recover this reel. */
  readonly #recoveryKey = newSigner().publicKey;
  #signer = newSigner();
  #segment = 0;
  #seq = 0;
  #prev = ZERO_DIGEST;

  constructor(identity: OwnIdentity) {
    this.#identity = identity;
  }

  /** Seals the drafts, at least one. The key that signs is forgotten with the call. `at`: wall ns. */
  seal(drafts: readonly DraftRecord[], at: string): OwnSegment {
    const { reel, config } = this.#identity;
    const segment = this.#segment + 1;
    const first = this.#seq + 1;
    const last = this.#seq + drafts.length;
    const salts = saltsOf(this.#saltSeed, first, drafts.length);
    const records = drafts.map((draft, i) => {
      const out = Buffer.allocUnsafe(lineBytesBound(draft));
      return out.subarray(0, writeLine(draft, { reel, seq: first + i, salt: salts[i]! }, out, 0));
    });
    const lines = [Buffer.from(this.#header(segment)), ...records];
    const tree = new MerkleTree();
    for (const line of lines) tree.push(line);
    const next = newSigner();
    const seal = sealLine(
      {
        reel,
        segment,
        first_seq: first,
        last_seq: last,
        count: drafts.length,
        root: Buffer.from(tree.root()).toString('hex'),
        prev: this.#prev,
        open_sessions: 0,
        policy: config,
        next_key: next.publicKey,
        at,
      },
      this.#signer,
    );
    const text = joinLines([...lines, Buffer.from(seal)]);
    const checked = checkSegment(text);
    if (!checked.ok) throw new Error(`a segment of the vault's own reel is not sound: ${checked.reason}`);
    this.#signer = next;
    this.#segment = segment;
    this.#seq = last;
    this.#prev = checked.sealDigest;
    const appended = records.map((line, i) => ({ seq: first + i, line: hash('sha256', line, 'hex') }));
    return { segment: checked, text, appended };
  }

  #header(segment: number): string {
    const { reel, recorder, boot, host, name, version } = this.#identity;
    return headerLine({
      v: 1,
      kind: 'header',
      reel,
      recorder,
      segment,
      salt: headerSaltOf(this.#saltSeed, segment),
      key: this.#signer.publicKey,
      recovery_key: this.#recoveryKey,
      recovered: false,
      boot,
      clock: 'realtime+monotonic',
      host,
      name,
      version,
    });
  }
}
