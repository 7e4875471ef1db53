/**
 * Owns which leaves a stored segment gets, and finds stored segments that have none. It refuses to know how the log
 * is kept.
 */
import { hash } from 'node:crypto';
import { FORMAT_VERSION, reelStartLeaf, type SegmentSuccess, segmentLeaf } from '@pgtape/evidence';
import { type Archive, ArchiveDamaged, type ArchivedSegment, type ListedSegment } from './archive.ts';
import type { ReelStart } from './enrolments.ts';
import { once } from './once.ts';
import type { Sequencer } from './sequencer.ts';

/** Resolves when the stored segment has its place in the log. */
export type Sequence = (segment: SegmentSuccess, put: ArchivedSegment) => Promise<void>;

/** Of one object that the store does not give. */
const readAttempts = 3;

type StoredSegment = Awaited<ReturnType<Archive['stored']>>;

export interface SegmentLogOptions {
  readonly archive: Archive;
  readonly sequencer: Pick<Sequencer, 'open' | 'sequence' | 'has'>;
  /** What vouches for a reel whose start nobody has told: SHA-256 of a durable line; null where there is none. */
  readonly enrolmentOf: (segment: SegmentSuccess) => string | null;
  /** Wall clock, microseconds. */
  readonly wallUs: () => number;
  /** A stored segment cannot be read, so it gets no leaf. */
  readonly unreadable: (error: Error) => void;
}

export class SegmentLog {
  readonly #options: SegmentLogOptions;

  constructor(options: SegmentLogOptions) {
    this.#options = options;
  }

  /**
   * Logs what is stored and has no leaf: a vault died in between, or an earlier version kept no log. Tried again by
   * the next call when it rejects, as `Sequencer.open` and `Archive` do.
   */
  readonly prepare = once(() => this.#logStored());

  /**
   * Resolves when the stored segment's leaf is durable, and before it that of its reel's start. Rejects as
   * `Sequencer.sequence`.
   */
  readonly record: Sequence = async (segment, put) => {
    await this.prepare();
    await this.#record(segment, put);
  };

  /** Resolves when a reel's start is durable in the log; its enrolment's record is already. Rejects as `record`. */
  readonly started = async (start: ReelStart): Promise<void> => {
    await this.prepare();
    const { reel, recorder, key, recovery_key, enrolment } = start;
    const { v, kind } = { v: FORMAT_VERSION, kind: 'reel_start' } as const;
    await this.#options.sequencer.sequence({
      v,
      kind,
      reel,
      recorder,
      key,
      recovery_key,
      enrolment,
      at: this.#now(),
    });
  };

  async #record(segment: SegmentSuccess, put: ArchivedSegment): Promise<void> {
    const { sequencer, archive } = this.#options;
    const { reel, recorder } = segment.header;
    const number = segment.seal.segment;
    if (await sequencer.has({ kind: 'segment', reel, segment: number })) return;
    // What is there may be compressed otherwise, or kept otherwise, than what was just offered.
    await this.#log(segment, put.answer === 'stored' ? put : await archive.stored(recorder, reel, number));
  }

  async #log(segment: SegmentSuccess, stored: ArchivedSegment): Promise<void> {
    const { sequencer } = this.#options;
    const { reel } = segment.header;
    if (segment.seal.segment === 1 && !(await sequencer.has({ kind: 'reel_start', reel })))
      await sequencer.sequence(reelStartLeaf(segment, this.#options.enrolmentOf(segment), this.#now()));
    const { sha256, version, retainUntil } = stored;
    const until = retainUntil === null ? null : nanoseconds(retainUntil * 1000);
    await sequencer.sequence(segmentLeaf(segment, { sha256, version, retainUntil: until, at: this.#now() }));
  }

  async #logStored(): Promise<void> {
    const { archive, sequencer } = this.#options;
    await sequencer.open();
    for await (const name of archive.segments()) {
      const { reel, segment } = name;
      if (await sequencer.has({ kind: 'segment', reel, segment })) continue;
      const stored = await this.#read(name);
      if (stored !== null) await this.#log(stored.segment, stored);
    }
  }

  /**
   * Null: it cannot be read, and gets no leaf. One bad object must not keep all others from being acknowledged; a
   * store that does not answer at all must, or what it holds would stay without leaves.
   */
  async #read({ recorder, reel, segment, version }: ListedSegment): Promise<StoredSegment | null> {
    const { archive, unreadable } = this.#options;
    for (let left = readAttempts; ; left -= 1) {
      try {
        return await archive.stored(recorder, reel, segment, version);
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        if (left > 1 && !(failure instanceof ArchiveDamaged)) continue;
        if (!(failure instanceof ArchiveDamaged)) await answering(archive);
        unreadable(failure);
        return null;
      }
    }
  }

  #now(): string {
    return nanoseconds(this.#options.wallUs());
  }
}

/** Rejects as the store where it does not answer. */
async function answering(archive: Archive): Promise<void> {
  for await (const _name of archive.segments()) return;
}

/** Of microseconds. */
function nanoseconds(us: number): string {
  return `${Math.round(us)}000`;
}

/** The vault vouches for its own reel by its first line: SHA-256 of `vault_opened`; null of other reels. */
export function ownEnrolment({ header, records }: SegmentSuccess, vaultId: string): string | null {
  const [first] = records;
  if (header.recorder !== vaultId || first?.kind !== 'vault_opened') return null;
  // A checked record is written as JSON.stringify writes it, so this is the line.
  return hash('sha256', JSON.stringify(first));
}
