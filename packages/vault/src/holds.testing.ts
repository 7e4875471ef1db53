/** Owns a vault reduced to its holds and its own reel, over a store that can die; for tests of holds. */
import {
  checkSegment,
  type DraftRecord,
  encodeText,
  joinLines,
  type SegmentSuccess,
  segmentKey,
} from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import type { Store } from '@pgtape/store';
import type { HoldIndexFile } from './holdIndex.ts';
import { type HoldRules, Holds } from './holds.ts';
import { ProtectedObjects, type ProtectedPut } from './protectedObjects.ts';
import type { RetentionRules } from './retention.ts';
import { TestReel, type TestSegment } from './segments.testing.ts';
import { SessionMemory } from './sessionFacts.ts';
import type { VaultEntry } from './vaultReel.ts';

export const ownId = '00000000000000aa';

const testRules: HoldRules = {
  dualControl: false,
  signers: [],
  validMs: 3_600_000,
  sessionsMax: 100,
  holdsMax: 10,
};

export interface TestVaultOptions {
  readonly store: Store;
  readonly rules?: Partial<HoldRules>;
  readonly retention?: RetentionRules | null;
  readonly sessionsMax?: number;
  /** Of the vault before it; absent: there is none. */
  readonly index?: HoldIndexFile;
}

/** The segment that a recorder's request carries. */
export function segmentOf({ request }: TestSegment): { segment: SegmentSuccess; text: Uint8Array } {
  const reading = readSegmentRequest(request);
  if (reading.kind !== 'segment') throw new Error(reading.kind);
  const text = joinLines(reading.lines);
  const segment = checkSegment(text);
  if (!segment.ok) throw new Error(segment.reason);
  return { segment, text };
}

const noIndex: HoldIndexFile = { read: async () => null, write: async () => undefined };
let starts = 0;

export class TestVault {
  readonly holds: Holds;
  readonly told: string[] = [];
  /** Timers; none fires unless a test says otherwise. */
  after: (ms: number, run: () => void) => () => void = () => () => undefined;
  nowMs = 1_795_000_000_000;
  readonly #objects: ProtectedObjects;
  readonly #reel: TestReel;
  #ids = 0;
  #appending: Promise<unknown> = Promise.resolve();
  #isGone = false;

  constructor({ store, rules = {}, retention = null, sessionsMax = 100, index = noIndex }: TestVaultOptions) {
    starts += 1;
    const start = starts.toString(16).padStart(12, '0');
    this.#reel = new TestReel(ownId, `${start}${'0'.repeat(20)}`);
    const memory = new SessionMemory(sessionsMax);
    this.holds = new Holds({
      store,
      append: (entry) => this.append(entry),
      memory,
      ownIds: [ownId],
      archive: 'test',
      index,
      rules: { ...testRules, ...rules },
      events: {
        failed: (error) => this.told.push(`failed ${error.message.slice(0, 20)}`),
        removed: (_hold, objects) => this.told.push(`removed ${objects}`),
        unreadable: () => this.told.push('unreadable'),
        releaseRefused: () => this.told.push('release_refused'),
      },
      newId: () => {
        this.#ids += 1;
        return `${start}${this.#ids.toString(16).padStart(20, '0')}`;
      },
      wallMs: () => this.nowMs,
      // A dead process does nothing any more.
      sleep: () =>
        this.#isGone ? new Promise(() => undefined) : new Promise((resolve) => void setImmediate(resolve)),
      after: (ms, run) => this.after(ms, run),
    });
    this.#objects = new ProtectedObjects({
      vaultId: 'none',
      store,
      retention,
      holds: this.holds,
      memory,
      wallMs: () => this.nowMs,
    });
  }

  /** What jobs of a killed process would do: nothing. */
  abandon(): void {
    this.#isGone = true;
  }

  /** A segment of the vault's own reel for each record. */
  append(entry: VaultEntry): Promise<void> {
    const draft = { at: `${this.nowMs}000000`, mono: '1', ...entry } as DraftRecord;
    const appended = this.#appending.then(async () => {
      await this.receive(this.#reel.next([draft]));
    });
    this.#appending = appended.catch(() => undefined);
    return appended;
  }

  receive(sent: TestSegment): Promise<ProtectedPut> {
    const { segment, text } = segmentOf(sent);
    const { recorder, reel } = segment.header;
    return this.#objects.put(segment, segmentKey(recorder, reel, segment.seal.segment), encodeText(text));
  }
}

/** A recorder with any number of sessions, whose lines the test chooses. */
export class TestTape {
  readonly reel = new TestReel();
  readonly #n = new Map<number, number>();
  #second = 1000;

  id(session: number): string {
    return `${this.reel.reel.slice(0, 16)}-${session}`;
  }

  key(segment: number): string {
    return segmentKey(this.reel.recorder, this.reel.reel, segment);
  }

  opened(session: number, user: string, database = 'shop'): DraftRecord {
    const template = this.reel.opening()[1] as DraftRecord & { kind: 'opened' };
    return { ...template, ...this.#head(session), user, database, start: this.#at() };
  }

  statement(session: number, sql: string): DraftRecord {
    const template = this.reel.statement(sql) as DraftRecord & { kind: 'statement' };
    return { ...template, ...this.#head(session), start: this.#at() };
  }

  /** Wall ns of the next lines. */
  atSecond(second: number): this {
    this.#second = second;
    return this;
  }

  #at(): string {
    return `${this.#second}000000000`;
  }

  #head(session: number): { at: string; session: string; n: number } {
    const n = (this.#n.get(session) ?? 0) + 1;
    this.#n.set(session, n);
    return { at: this.#at(), session: this.id(session), n };
  }
}
