/**
 * Owns what holds do to objects that are already there: freezing what a new hold covers, letting go what a
 * released one covered. One thing at a time, in order, again and again until it is done; a process that dies
 * in the middle does it again.
 */
import { type HoldEntry, holdKinds, type ObjectVersion, type ParsedRecord } from '@pgtape/evidence';
import { type Store, StoreError } from '@pgtape/store';
import type { HeldNotes } from './heldNotes.ts';
import { type ObjectOutline, outlineOf } from './holdScope.ts';
import type { FactsOf, HoldInForce, HoldSet } from './holdSet.ts';
import { reelsUnder, type ScannedReel, type SegmentObject, segmentIn } from './reelScan.ts';
import { SessionMemory } from './sessionFacts.ts';
import type { AppendOwn } from './vaultReel.ts';

export interface HoldJobsOptions {
  readonly store: Store;
  readonly set: HoldSet;
  readonly notes: HeldNotes;
  /** What the receiver remembers: it also learns from what is read here. */
  readonly memory: SessionMemory;
  readonly isOwn: (recorder: string) => boolean;
  readonly append: AppendOwn;
  readonly sleep: (ms: number) => Promise<void>;
  readonly events: HoldJobEvents;
}

export interface HoldJobEvents {
  /** It is tried again. */
  failed(error: Error): void;
  /** Objects whose hold somebody else took away; it was set again. */
  removed(hold: string, objects: number): void;
  /** Held, though nobody can say what is in it. */
  unreadable(key: string): void;
}

/** Objects read, or frozen, at once. */
const atOnce = 8;
const backoffMs = { first: 500, max: 30_000 };

/** Objects by hold. */
type Removed = Map<string, number>;

interface ReadObject {
  readonly object: ObjectVersion;
  /** By hold. */
  readonly outlines: readonly ObjectOutline[] | 'unreadable';
}

/** One reel being looked through for some holds. */
interface Reading {
  readonly holds: readonly HoldInForce[];
  readonly facts: SessionMemory;
  readonly factsOf: FactsOf;
  readonly closed: Set<string>;
  readonly isOwn: boolean;
  /** Segments of the vault's own reel that say nothing but what keeps the book of holds. */
  readonly books: ObjectVersion[];
  /** A line proved a session to be covered that was not before. */
  found: boolean;
}

/** What is being done for a hold. */
export interface HoldProgress {
  readonly objectsSeen: number;
}

export class HoldJobs {
  readonly #options: HoldJobsOptions;
  #queue: Promise<void> = Promise.resolve();
  #closing = false;
  /** By reel: from which segment on it is to be looked through again. */
  readonly #behind = new Map<string, number>();
  #isCatchingUp = false;
  #isFailing = false;
  /** By hold: being applied or let go, now or later. */
  readonly #busy = new Map<string, { jobs: number; objectsSeen: number }>();

  constructor(options: HoldJobsOptions) {
    this.#options = options;
  }

  /** The last attempt at what is being done failed; it is made again. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  progressOf(hold: string): HoldProgress | null {
    return this.#busy.get(hold) ?? null;
  }

  /** Something else that has to be done, behind everything that was asked for before. */
  run(job: () => Promise<void>): void {
    this.#enqueue([], job);
  }

  /** Freezes what these holds cover of the whole archive, and looks whether what was frozen still is. */
  apply(holds: readonly string[]): void {
    this.#enqueue(holds, async () => {
      const removed = new Map<string, number>();
      for (const hold of holds) this.#seen(hold, null);
      for await (const reel of reelsUnder(this.#options.store)) {
        await this.#applyToReel(reel, holds, removed);
        if (this.#closing) return;
      }
      await this.#options.notes.flush();
      for (const [hold, objects] of removed) this.#options.events.removed(hold, objects);
    });
  }

  /** Freezes the objects of one reel from that segment on: a session of it proved to be covered. */
  catchUp(recorder: string, reel: string, fromSegment: number): void {
    this.#lagBehind(`reel/${recorder}/${reel}/`, fromSegment);
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#enqueue([], async () => {
      // What is asked for meanwhile is looked through after that, the same reel too.
      for (const [prefix, from] of this.#behind) {
        this.#behind.delete(prefix);
        await this.#catchUp(prefix, from).catch((error: unknown) => {
          this.#lagBehind(prefix, from);
          throw error;
        });
        if (this.#closing) return;
      }
      this.#isCatchingUp = false;
    });
  }

  #lagBehind(prefix: string, from: number): void {
    this.#behind.set(prefix, Math.min(from, this.#behind.get(prefix) ?? from));
  }

  async #catchUp(prefix: string, from: number): Promise<void> {
    for await (const scanned of reelsUnder(this.#options.store, prefix)) {
      const objects = scanned.objects.filter(({ segment }) => segment >= from);
      const holds = this.#options.set.inForce.map(({ hold }) => hold.id);
      await this.#applyToReel({ ...scanned, objects }, holds, null);
    }
  }

  /** Lets go what only this released hold covered. Behind every `apply` that was asked for before. */
  free(hold: HoldEntry): void {
    this.#enqueue([hold.id], async () => {
      const { set, append } = this.#options;
      const objects = new Map<string, ObjectVersion>();
      for (const object of [...hold.objects, ...hold.own]) objects.set(object.key, object);
      const kept = [...objects.values()].filter(({ key }) => set.book.isHeldByOther(key, hold)).length;
      await this.#each([...objects.values()], async (object) => {
        if (!set.book.isHeldByOther(object.key, hold)) await this.#setHold(object, false);
        this.#seen(hold.id, 1);
      });
      if (this.#closing) return;
      await append(
        { kind: 'freed', hold: hold.id, objects: objects.size - kept, kept },
        Number.POSITIVE_INFINITY,
      );
    });
  }

  /** Resolves when everything asked for is done. */
  async idle(): Promise<void> {
    for (let queue: Promise<void> | null = null; queue !== this.#queue; ) {
      queue = this.#queue;
      await queue;
    }
  }

  /** Ends after the objects in hand; what is left the next start does. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.idle();
  }

  #enqueue(holds: readonly string[], job: () => Promise<void>): void {
    for (const hold of holds) {
      const busy = this.#busy.get(hold) ?? { jobs: 0, objectsSeen: 0 };
      this.#busy.set(hold, { ...busy, jobs: busy.jobs + 1 });
    }
    this.#queue = this.#queue.then(async () => {
      await this.#untilDone(job);
      for (const hold of holds) {
        const busy = this.#busy.get(hold);
        if (busy === undefined || busy.jobs <= 1) this.#busy.delete(hold);
        else this.#busy.set(hold, { ...busy, jobs: busy.jobs - 1 });
      }
    });
  }

  async #untilDone(job: () => Promise<void>): Promise<void> {
    for (let wait = backoffMs.first; !this.#closing; wait = Math.min(wait * 2, backoffMs.max)) {
      try {
        await job();
        this.#isFailing = false;
        return;
      } catch (error) {
        this.#isFailing = true;
        this.#options.events.failed(error instanceof Error ? error : new Error(String(error)));
      }
      await this.#options.sleep(wait);
    }
  }

  async #applyToReel(scanned: ScannedReel, ids: readonly string[], removed: Removed | null): Promise<void> {
    const { store, set, memory, isOwn } = this.#options;
    const { recorder, reel } = scanned;
    const facts = new SessionMemory(Number.POSITIVE_INFINITY);
    const reading: Reading = {
      holds: ids.flatMap((id) => set.of(id) ?? []),
      facts,
      factsOf: (session) => facts.of(session) ?? memory.of(session),
      closed: new Set(),
      isOwn: isOwn(recorder),
      books: [],
      found: false,
    };
    const seen = new Set<number>();
    for (let { objects } = scanned; objects.length > 0; ) {
      for (const { segment } of objects) seen.add(segment);
      reading.found = false;
      const read = await this.#outlined(objects, reading);
      // A session that was just found may have lines in a segment that came after the listing and was decided before:
      // one that is on its way is looked at again, one that has arrived is in the next listing.
      if (reading.found) set.touch();
      await this.#applyTo(read, reading, removed);
      objects = [];
      if (!reading.found || this.#closing) continue;
      for await (const again of reelsUnder(store, `reel/${recorder}/${reel}/`)) {
        objects = again.objects.filter(
          ({ segment }) => !seen.has(segment) && segment >= (scanned.objects[0]?.segment ?? 1),
        );
      }
    }
    // Of sessions that go on, the receiver will see lines.
    facts.handTo(memory, (session) => !reading.closed.has(session));
  }

  async #applyTo(read: readonly ReadObject[], reading: Reading, removed: Removed | null): Promise<void> {
    const { set } = this.#options;
    await this.#each(reading.books, async (object) => {
      const owner = set.inForce.find(({ hold }) => hold.own.has(object.key));
      if (owner !== undefined) await this.#holdAgain(owner.hold, object, removed);
    });
    for (const [index, { hold, matcher }] of reading.holds.entries()) {
      const covered = read.flatMap(({ object, outlines }) => {
        if (outlines === 'unreadable') return [{ object, others: [] }];
        const { isCovered, others } = matcher.coverageOf(outlines[index]!, reading.factsOf);
        return isCovered ? [{ object, others }] : [];
      });
      await this.#each(covered, async ({ object, others }) => {
        // Released meanwhile: it freezes nothing more.
        if (set.inForce.every((other) => other.hold !== hold)) return;
        if (hold.objects.has(object.key)) await this.#holdAgain(hold, object, removed);
        else await this.#freeze(hold, object, others);
      });
    }
  }

  async #outlined(objects: readonly SegmentObject[], reading: Reading): Promise<ReadObject[]> {
    const { holds, facts, factsOf } = reading;
    const read: ReadObject[] = [];
    for (let from = 0; from < objects.length && !this.#closing; from += atOnce) {
      const some = objects.slice(from, from + atOnce);
      const segments = await Promise.all(some.map((object) => segmentIn(this.#options.store, object)));
      for (const [i, object] of some.entries()) {
        const records = segments[i]?.records;
        if (records === undefined) {
          this.#options.events.unreadable(object.key);
          read.push({ object, outlines: 'unreadable' });
          continue;
        }
        facts.learn(records, object.segment);
        for (const { kind, session } of records) if (kind === 'closed') reading.closed.add(session as string);
        if (reading.isOwn && isBook(records)) {
          reading.books.push(object);
          continue;
        }
        for (const { matcher } of holds) {
          if (matcher.observe(records, factsOf).length > 0) reading.found = true;
        }
        read.push({ object, outlines: holds.map(({ hold }) => outlineOf(records, hold.scope)) });
      }
      for (const { hold } of holds) this.#seen(hold.id, some.length);
    }
    return read;
  }

  async #freeze(hold: HoldEntry, object: ObjectVersion, others: readonly string[]): Promise<void> {
    await this.#setHold(object, true);
    hold.objects.add(object.key, object.version);
    const { notes } = this.#options;
    notes.add(hold.id, { key: object.key, version: object.version, sessions: [...others] });
    if (notes.waiting >= 1000) await notes.flush();
  }

  async #holdAgain(hold: HoldEntry, object: ObjectVersion, removed: Removed | null): Promise<void> {
    const { store } = this.#options;
    if (!store.capabilities.hold) return;
    const protection = await unlessGone(store.protectionOf(object.key, object.version));
    if (protection === null || protection.hold) return;
    await this.#setHold(object, true);
    removed?.set(hold.id, (removed.get(hold.id) ?? 0) + 1);
  }

  async #setHold({ key, version }: ObjectVersion, on: boolean): Promise<void> {
    const { store } = this.#options;
    if (store.capabilities.hold) await unlessGone(store.setHold(key, version, on));
  }

  async #each<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
    for (let from = 0; from < items.length && !this.#closing; from += atOnce) {
      await Promise.all(items.slice(from, from + atOnce).map(run));
    }
  }

  /** null begins anew. */
  #seen(hold: string, objects: number | null): void {
    const busy = this.#busy.get(hold);
    if (busy === undefined) return;
    this.#busy.set(hold, { ...busy, objectsSeen: objects === null ? 0 : busy.objectsSeen + objects });
  }
}

/** Whether a segment of the vault's own reel says nothing but what keeps the book of holds. */
function isBook(records: readonly ParsedRecord[]): boolean {
  return records.every(({ kind }) => holdKinds.has(kind));
}

/** An object that is gone can be neither frozen nor let go; that it is gone is for `verify` to say. */
async function unlessGone<T>(attempt: Promise<T>): Promise<T | null> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
    throw error;
  }
}
