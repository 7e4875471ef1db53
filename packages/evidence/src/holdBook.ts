/**
 * Owns which holds there are, what each froze and whether it was released, as the records of the vault's own
 * reels say. Pure; it refuses to touch objects.
 */
import type { ParsedRecord } from './checkRecord.ts';
import { ObjectSet } from './objectSet.ts';
import type { ReleaseSignature } from './releaseText.ts';
import type { HoldScope } from './vaultRecord.ts';

export interface HoldRelease {
  readonly reason: string;
  readonly who: string;
  /** When it was asked for, wall ns: part of what the second person signs. */
  readonly asked: string;
  /** Wall ns. */
  readonly at: string;
  readonly second: ReleaseSignature | null;
}

export interface HoldEntry {
  readonly id: string;
  readonly case: string;
  readonly reason: string;
  readonly who: string;
  /** Wall ns. */
  readonly at: string;
  readonly scope: HoldScope;
  /** It was placed while releases asked for a second person, so its own does for ever. */
  readonly dualControl: boolean;
  /** Objects that `held` records name. */
  readonly objects: ObjectSet;
  /** Segments of the vault's reels in which its `hold` and `held` records lie: without them it would be forgotten. */
  readonly own: ObjectSet;
  release: HoldRelease | null;
  /** Every object was let go, or kept for another hold: nothing is left to do. */
  isFreed: boolean;
}

/** Whether a release that a record tells of counts. */
export type ReleaseCheck = (hold: HoldEntry, release: HoldRelease) => boolean;

/** Kinds that keep this book, and say nothing else. */
export const holdKinds: ReadonlySet<string> = new Set(['hold', 'held', 'release', 'freed']);

type Fields = ParsedRecord & Readonly<Record<string, unknown>>;

export class HoldBook {
  readonly #holds = new Map<string, HoldEntry>();
  readonly #accepts: ReleaseCheck;
  /** Releases that were not accepted, by hold: the hold goes on. */
  readonly refused = new Set<string>();

  constructor(accepts: ReleaseCheck) {
    this.#accepts = accepts;
  }

  /** One record of a vault's reel and the object it lies in. In the order of the records; other kinds are passed over. */
  apply(record: ParsedRecord, object: { readonly key: string; readonly version: string }): void {
    if (!holdKinds.has(record.kind)) return;
    const fields = record as Fields;
    if (record.kind === 'hold') this.#place(fields);
    const hold = this.#holds.get(String(fields.hold));
    if (hold === undefined) return;
    switch (record.kind) {
      case 'hold':
        hold.own.add(object.key, object.version);
        break;
      case 'held':
        hold.own.add(object.key, object.version);
        for (const { key, version } of fields.objects as readonly { key: string; version: string }[]) {
          hold.objects.add(key, version);
        }
        break;
      case 'release':
        this.#release(hold, fields);
        break;
      case 'freed':
        hold.isFreed = hold.release !== null;
        break;
    }
  }

  /** By id, in the order they were placed. */
  get all(): readonly HoldEntry[] {
    return [...this.#holds.values()];
  }

  get active(): readonly HoldEntry[] {
    return this.all.filter(({ release }) => release === null);
  }

  get(id: string): HoldEntry | undefined {
    return this.#holds.get(id);
  }

  /** Whether an active hold other than `hold` names the object, or has records of its own in it. */
  isHeldByOther(key: string, hold: HoldEntry): boolean {
    return this.active.some((other) => other !== hold && (other.objects.has(key) || other.own.has(key)));
  }

  #place(fields: Fields): void {
    const id = String(fields.hold);
    // A hold is placed once; a second record of that id could only weaken it.
    if (this.#holds.has(id)) return;
    this.#holds.set(id, {
      id,
      case: String(fields.case),
      reason: String(fields.reason),
      who: String(fields.who),
      at: fields.at,
      scope: fields.scope as HoldScope,
      dualControl: fields.dual_control === true,
      objects: new ObjectSet(),
      own: new ObjectSet(),
      release: null,
      isFreed: false,
    });
  }

  #release(hold: HoldEntry, fields: Fields): void {
    if (hold.release !== null) return;
    const { second, reason, who, asked, at } = fields;
    const release: HoldRelease = {
      reason: String(reason),
      who: String(who),
      asked: String(asked),
      at,
      second: (second as ReleaseSignature | undefined) ?? null,
    };
    if (this.#accepts(hold, release)) hold.release = release;
    else this.refused.add(hold.id);
  }
}
