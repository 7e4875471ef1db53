/** Holds the log's leaves against the archive's objects, in the log's order. Knows no tiles and reads nothing. */
import type { Findings } from '../findings.ts';
import { type Leaf, parseLeaf, type ReelStartLeaf, type SegmentLeaf } from '../leaf.ts';
import { parseSegmentKey } from '../segmentKey.ts';
import type { ObjectFacts } from './logReads.ts';

/** Where a leaf is named in findings. */
export function leafName(index: number): string {
  return `log#${index}`;
}

export interface StoredFirst {
  /** Of the first version. */
  readonly version: string;
  /** When it came, by the store's clock, ms since 1970. */
  readonly at: number;
}

export interface LeafOptions {
  /** What the archive's check found, by key. */
  readonly objects: ReadonlyMap<string, ObjectFacts>;
  /** First versions, by key. */
  readonly stored: ReadonlyMap<string, StoredFirst>;
  /** The auditor's clock, ms since 1970. */
  readonly now: number;
  /** Only objects of these reels were read; null: all. */
  readonly reels: ReadonlySet<string> | null;
  /** SHA-256 of the vault's `enrolment` and `vault_opened` lines; null: the vault's reels were not read. */
  readonly enrolments: ReadonlySet<string> | null;
}

export class LeafLedger {
  readonly #options: LeafOptions;
  readonly #findings: Findings;
  readonly #starts = new Map<string, ReelStartLeaf>();
  /** Last segment of each reel that the log has. */
  readonly #last = new Map<string, number>();
  readonly #logged = new Map<string, SegmentLeaf>();
  readonly #started = new Set<string>();
  #leaves = 0;
  #objects = 0;
  #unknown = 0;

  constructor(options: LeafOptions, findings: Findings) {
    this.#options = options;
    this.#findings = findings;
  }

  get counts(): { readonly leaves: number; readonly objects: number; readonly unknown: number } {
    return { leaves: this.#leaves, objects: this.#objects, unknown: this.#unknown };
  }

  /** Leaves of objects that are there, by key. */
  get logged(): ReadonlyMap<string, SegmentLeaf> {
    return this.#logged;
  }

  /** Reels whose logged start is that of their first segment. */
  get started(): string[] {
    return [...this.#started];
  }

  /** The next leaf; null where its bytes are not known. */
  entry(index: number, entry: Uint8Array | null): void {
    this.#leaves += 1;
    if (entry === null) {
      this.#unknown += 1;
      return;
    }
    const leaf = parseLeaf(entry);
    if (typeof leaf === 'string') this.#forged(leafName(index), 'leaf_invalid', leaf);
    else if (this.#isWanted(leaf)) this.#leaf(index, leaf);
  }

  #forged(artefact: string, reason: string, detail: string): void {
    this.#findings.add('forged', artefact, reason, detail);
  }

  #isWanted({ reel }: Leaf): boolean {
    return this.#options.reels?.has(reel) ?? true;
  }

  #leaf(index: number, leaf: Leaf): void {
    if (leaf.kind === 'segment') this.#segment(index, leaf);
    else if (this.#starts.has(leaf.reel) || this.#last.has(leaf.reel))
      this.#forged(leafName(index), 'leaf_duplicated', `reel ${leaf.reel} had begun before`);
    else this.#starts.set(leaf.reel, leaf);
    if (leaf.kind === 'reel_start') this.#enrolment(leaf);
  }

  /** What vouched for the reel's keys when it began is in the vault's reel still, as it was. */
  #enrolment({ reel, enrolment }: ReelStartLeaf): void {
    const { enrolments } = this.#options;
    if (enrolment === null || enrolments === null || enrolments.has(enrolment)) return;
    const detail = 'no record of the vault is the one that vouched for it, as the log has it';
    this.#forged(`reel ${reel}`, 'enrolment_changed', detail);
  }

  #segment(index: number, leaf: SegmentLeaf): void {
    const last = this.#last.get(leaf.reel) ?? 0;
    // What bundles do not tell may be the leaves between.
    if (leaf.segment <= last)
      this.#forged(leafName(index), 'leaf_duplicated', `${leaf.object} was logged before`);
    else if (leaf.segment !== last + 1 && this.#unknown === 0)
      this.#forged(leafName(index), 'leaf_order', `${leaf.object} follows segment ${last} of its reel`);
    this.#last.set(leaf.reel, Math.max(last, leaf.segment));
    if (last === 0) this.#start(index, leaf);
    this.#object(leaf);
  }

  #start(index: number, leaf: SegmentLeaf): void {
    const start = this.#starts.get(leaf.reel);
    if (start === undefined) {
      if (this.#unknown === 0)
        this.#forged(leafName(index), 'reel_start_missing', `reel ${leaf.reel} has no start in the log`);
      return;
    }
    const seal = this.#options.objects.get(leaf.object)?.seal;
    if (seal === undefined || seal === null || leaf.segment !== 1) return;
    const fits =
      start.key === seal.key &&
      start.recovery_key === seal.recoveryKey &&
      start.recorder === parseSegmentKey(leaf.object)?.recorder;
    if (fits) this.#started.add(leaf.reel);
    else
      this.#forged(
        leaf.object,
        'reel_key_mismatch',
        `the log says that the reel began with the key ${start.key}`,
      );
  }

  #object(leaf: SegmentLeaf): void {
    const facts = this.#options.objects.get(leaf.object);
    const stored = this.#options.stored.get(leaf.object);
    if (facts === undefined || stored === undefined) {
      const isOver =
        leaf.retain_until !== null &&
        BigInt(leaf.retain_until) < BigInt(Math.floor(this.#options.now)) * 1_000_000n;
      if (isOver) this.#findings.add('gap', leaf.object, 'object_expired', 'gone, and its retention is over');
      else this.#forged(leaf.object, 'object_missing', 'the log has it, the archive does not');
      return;
    }
    this.#objects += 1;
    this.#logged.set(leaf.object, leaf);
    if (stored.version !== leaf.version)
      this.#forged(
        leaf.object,
        'version_shadowed',
        `version ${stored.version} is not the one that was logged`,
      );
    const changed = changesOf(leaf, facts);
    if (changed !== '') this.#forged(leaf.object, 'object_changed', `not as it was logged: ${changed}`);
  }

  /**
   * Objects that no leaf names. Behind a logged one of its reel it may still be on its way into the log; before one it cannot
   * be, and neither when the log has gone on for `lagMs` since it was stored. `headAt`: when the checkpoint came, null: unknown.
   */
  unlogged(headAt: number | null, lagMs: number): number {
    // A leaf that could not be read may be the object's.
    if (this.#unknown > 0) return 0;
    let count = 0;
    for (const [key, { at }] of this.#options.stored) {
      const name = parseSegmentKey(key);
      // What came after the archive was listed was not read either.
      const isRead = this.#options.objects.has(key) && (this.#options.reels?.has(name?.reel ?? '') ?? true);
      if (name === null || !isRead || this.#logged.has(key)) continue;
      count += 1;
      const isBefore = name.segment < (this.#last.get(name.reel) ?? 0);
      const isLate = headAt !== null && at + lagMs < headAt;
      const verdict = isBefore || isLate ? 'forged' : 'open';
      const detail = isBefore
        ? 'the log has later segments of its reel, this one it does not have'
        : isLate
          ? 'the log went on after it was stored and does not have it'
          : 'not in the log yet';
      this.#findings.add(verdict, key, 'leaf_missing', detail);
    }
    return count;
  }
}

function changesOf(leaf: SegmentLeaf, { sha256, seal }: ObjectFacts): string {
  const changes: string[] = [];
  if (leaf.sha256 !== sha256) changes.push('sha256');
  if (seal === null) return changes.join(', ');
  if (leaf.seal !== seal.digest) changes.push('seal');
  if (leaf.root !== seal.root) changes.push('root');
  if (leaf.first_seq !== seal.firstSeq || leaf.last_seq !== seal.lastSeq) changes.push('seq range');
  if (leaf.count !== seal.count) changes.push('count');
  return changes.join(', ');
}
