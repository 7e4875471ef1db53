/**
 * Owns legal holds: placing and releasing them in the right order, and whether a segment that arrives is
 * frozen. What holds there are stands in the vault's own reels and nowhere else: a start reads them, and each
 * record takes effect when it was stored, the same way.
 */
import {
  type HoldEntry,
  holdKinds,
  type ObjectVersion,
  type ReleaseRequest,
  type ReleaseSignature,
  type SegmentSuccess,
} from '@pgtape/evidence';
import { type Store, StoreError } from '@pgtape/store';
import { HeldNotes } from './heldNotes.ts';
import type { HoldIndexFile } from './holdIndex.ts';
import { HoldJobs } from './holdJobs.ts';
import { HoldRefusal, type HoldRequest, scopeOf } from './holdRequest.ts';
import { HoldSet, type SegmentCoverage } from './holdSet.ts';
import { type HoldView, holdView } from './holdView.ts';
import { once } from './once.ts';
import { readOwnBook } from './ownBook.ts';
import { type ReleaseRules, releaseProblem, secondProblem } from './releaseControl.ts';
import type { SessionMemory } from './sessionFacts.ts';
import type { AppendOwn } from './vaultReel.ts';

export interface HoldRules extends ReleaseRules {
  /** Holds placed from now on ask for a second person to release them. */
  readonly dualControl: boolean;
  /** Sessions that each hold remembers because a line of theirs fitted. */
  readonly sessionsMax: number;
  /** Holds in force at once: every segment is held against each. */
  readonly holdsMax: number;
}

export interface HoldsOptions {
  readonly store: Store;
  readonly append: AppendOwn;
  readonly memory: SessionMemory;
  /** Ids under which this vault has reels of its own, see `vaultIdOf`. */
  readonly ownIds: readonly string[];
  /** Where the archive lies, as configured. */
  readonly archive: string;
  readonly index: HoldIndexFile;
  readonly rules: HoldRules;
  readonly events: HoldEvents;
  /** 32 hex digits, never the same again. */
  readonly newId: () => string;
  readonly wallMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly after: (ms: number, run: () => void) => () => void;
}

export interface HoldEvents {
  /** A job or a record failed; it is tried again. */
  failed(error: Error): void;
  removed(hold: string, objects: number): void;
  unreadable(key: string): void;
  /** A release in the archive does not count: its hold goes on. */
  releaseRefused(hold: string): void;
}

/** What was decided about a segment before it is put; `settle` must be called in the end. */
export interface HoldDecision {
  readonly isHeld: boolean;
  readonly coverage: SegmentCoverage;
  readonly generation: number;
  readonly settle: () => void;
}

/** How long an object that was frozen as it came may wait to be written down. */
const notesWindowMs = 2000;
/** How long the end of the vault waits for a store that does not answer. */
const closeGraceMs = 3000;

export class Holds {
  readonly #options: HoldsOptions;
  readonly #set: HoldSet;
  readonly #notes: HeldNotes;
  readonly #jobs: HoldJobs;
  readonly #putting = new Set<Promise<void>>();

  constructor(options: HoldsOptions) {
    const { store, append, memory, rules, events, sleep, after, ownIds } = options;
    this.#options = options;
    this.#set = new HoldSet({
      sessionsMax: rules.sessionsMax,
      accepts: (hold, { reason, who, asked, second }) =>
        !hold.dualControl || secondProblem(rules, { hold: hold.id, reason, who, at: asked }, second) === null,
    });
    this.#notes = new HeldNotes({ append, windowMs: notesWindowMs, after, failed: events.failed });
    const isOwn = (recorder: string): boolean => ownIds.includes(recorder);
    this.#jobs = new HoldJobs({
      ...{ store, set: this.#set, notes: this.#notes, memory, isOwn, append, sleep, events },
    });
  }

  /** Reads what the vault's own reels say of holds, once; again by the next call when it rejects. */
  readonly load = once(() => this.#read());

  /** Goes on with what the process before this one left undone. To be called once, with the vault's own reel begun. */
  start(): void {
    this.#jobs.run(async () => {
      await this.load();
      const active = this.#set.inForce.map(({ hold }) => hold.id);
      if (active.length > 0) this.#jobs.apply(active);
      for (const hold of this.#set.book.all)
        if (hold.release !== null && !hold.isFreed) this.#jobs.free(hold);
      for (const hold of this.#set.book.refused) this.#options.events.releaseRefused(hold);
    });
  }

  /** To be asked before a segment is put. Rejects with StoreError while nobody knows which holds there are. */
  async decide(segment: SegmentSuccess): Promise<HoldDecision> {
    await this.load();
    const { memory } = this.#options;
    memory.learn(segment.records, segment.seal.segment);
    const coverage = this.#coverageOf(segment);
    const isBook =
      this.#isOwn(segment) && segment.records.some(({ kind }) => kind === 'hold' || kind === 'held');
    let settle = (): void => undefined;
    const putting = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#putting.add(putting);
    void putting.then(() => this.#putting.delete(putting));
    return {
      isHeld: isBook || coverage.holds.length > 0,
      coverage,
      generation: this.#set.generation,
      settle,
    };
  }

  /**
   * To be told when the segment is stored, before that is acknowledged. Holds may have come and gone since it
   * was decided; an object that was there before may have been put under other holds.
   */
  async stored(
    segment: SegmentSuccess,
    object: ObjectVersion,
    answer: 'stored' | 'exists',
    decision: HoldDecision,
  ): Promise<void> {
    const { store } = this.#options;
    if (this.#isOwn(segment)) this.#apply(segment, object);
    const isSame = decision.generation === this.#set.generation;
    const { holds, newly } = isSame ? decision.coverage : this.#coverageOf(segment);
    const isBook = this.#isOwn(segment) && segment.records.some(({ kind }) => holdKinds.has(kind));
    const isHeld = holds.length > 0 || (isBook && decision.isHeld);
    const wasPutHeld = answer === 'stored' && decision.isHeld;
    const isToChange = store.capabilities.hold && isHeld !== wasPutHeld && (isHeld || answer === 'stored');
    const isDone = !isToChange || (await this.#setHold(segment, object, isHeld));
    for (const { hold, others } of isDone ? holds : []) {
      if (hold.objects.has(object.key)) continue;
      hold.objects.add(object.key, object.version);
      this.#notes.add(hold.id, { ...object, sessions: [...others] });
    }
    this.#catchUp(segment, [...new Set([...decision.coverage.newly, ...newly])]);
  }

  /**
   * Resolves when the hold is on record; what is there already is frozen behind that. Rejects with HoldRefusal,
   * or as `append` does: the hold may then show up all the same.
   */
  async create(request: HoldRequest, who: string): Promise<HoldView> {
    await this.load();
    const scope = scopeOf(request);
    const { append, newId, rules } = this.#options;
    if (this.#set.book.active.length >= rules.holdsMax) {
      throw new HoldRefusal('holds_full', `${rules.holdsMax} holds are in force already (holds.holdsMax)`);
    }
    const id = newId();
    const { case: name, reason } = request;
    await append({
      ...{ kind: 'hold', hold: id, case: name, reason, who, scope },
      ...(rules.dualControl && { dual_control: true }),
    } as const);
    return this.view(id);
  }

  /** Resolves when the release is on record; objects are let go behind that. Rejects as `create`. */
  async release(request: ReleaseRequest, second: ReleaseSignature | null): Promise<HoldView> {
    await this.load();
    const hold = this.#held(request.hold);
    const { rules, wallMs, append } = this.#options;
    if (hold.dualControl) {
      const problem = releaseProblem(rules, request, second, wallMs());
      if (problem !== null) throw new HoldRefusal(problem, `hold ${hold.id} was not released`);
    }
    // From here on it freezes nothing more, so that what its records name is all there is to be let go.
    this.#set.suspend(hold.id);
    try {
      await Promise.all([...this.#putting]);
      await this.#notes.flush();
      await append({
        ...{ kind: 'release', hold: hold.id, reason: request.reason, who: request.who, asked: request.at },
        ...(hold.dualControl && second !== null && { second }),
      } as const);
    } catch (error) {
      this.#set.resume(hold.id);
      this.#jobs.apply([hold.id]);
      throw error;
    }
    return this.view(hold.id);
  }

  /** Rejects with StoreError, HoldRefusal `hold_unknown`. */
  async view(id: string): Promise<HoldView> {
    await this.load();
    const hold = this.#set.book.get(id);
    if (hold === undefined) throw new HoldRefusal('hold_unknown', `no hold ${id}`);
    const { capabilities } = this.#options.store;
    return holdView(hold, {
      inForce: this.#set.of(id),
      progress: this.#jobs.progressOf(id),
      isEnforced: capabilities.hold,
      isFailing: this.#jobs.isFailing,
      isReleaseRefused: this.#set.book.refused.has(id),
    });
  }

  /** Every hold there ever was, in the order they were placed. */
  async views(): Promise<HoldView[]> {
    await this.load();
    return await Promise.all(this.#set.book.all.map(({ id }) => this.view(id)));
  }

  get activeCount(): number {
    return this.#set.book.active.length;
  }

  /** Resolves when everything asked for so far is done and on record. For tests, and for the vault's end. */
  async idle(): Promise<void> {
    await this.#jobs.idle();
    await this.#notes.flush();
  }

  /** Before the vault's own reel is closed. What is left undone after a grace the next start does. */
  async close(): Promise<void> {
    const { after, events } = this.#options;
    const ended = this.#jobs
      .close()
      .then(() => this.#notes.flush())
      .catch(events.failed);
    await new Promise<void>((resolve) => {
      const cancel = after(closeGraceMs, resolve);
      void ended.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /**
   * False: the vault may not do that. It is tried again behind this; the segment is stored all the same, for what is not
   * stored cannot be held either.
   */
  async #setHold({ header, seal }: SegmentSuccess, object: ObjectVersion, on: boolean): Promise<boolean> {
    try {
      await this.#options.store.setHold(object.key, object.version, on);
      return true;
    } catch (error) {
      if (!isNoAccess(error)) throw error;
      this.#options.events.failed(error);
      this.#jobs.catchUp(header.recorder, header.reel, seal.segment);
      return false;
    }
  }

  /** Also of records whose writer gave up waiting for them. */
  #apply({ records }: SegmentSuccess, object: ObjectVersion): void {
    for (const record of records) {
      const changed = this.#set.apply(record, object);
      if (changed?.change === 'placed') this.#jobs.apply([changed.hold.id]);
      if (changed?.change === 'released') this.#jobs.free(changed.hold);
    }
  }

  #held(id: string): HoldEntry {
    const hold = this.#set.book.get(id);
    if (hold === undefined) throw new HoldRefusal('hold_unknown', `no hold ${id}`);
    if (hold.release !== null) {
      throw new HoldRefusal('already_released', `hold ${id} was released by ${hold.release.who}`);
    }
    return hold;
  }

  #isOwn({ header }: SegmentSuccess): boolean {
    return this.#options.ownIds.includes(header.recorder);
  }

  #coverageOf(segment: SegmentSuccess): SegmentCoverage {
    const { memory } = this.#options;
    return this.#set.coverageOf(segment.records, (session) => memory.of(session), this.#isOwn(segment));
  }

  #catchUp({ header, seal }: SegmentSuccess, newly: readonly string[]): void {
    if (newly.length === 0) return;
    const { memory } = this.#options;
    const from = Math.min(...newly.map((session) => memory.of(session)?.segment ?? 1));
    if (from < seal.segment) this.#jobs.catchUp(header.recorder, header.reel, from);
  }

  async #read(): Promise<void> {
    const { store, ownIds, archive, index, events } = this.#options;
    const sources = { store, ownIds, archive, index, unreadable: events.unreadable };
    await readOwnBook(sources, (record, object) => void this.#set.apply(record, object));
  }
}

/** Whether the store says that the vault's role may not do this. */
export function isNoAccess(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'STORE_ACCESS';
}
