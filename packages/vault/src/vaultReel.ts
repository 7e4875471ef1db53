/**
 * Owns the vault's own reel: what the vault does is a record, stored and in the log before `append` resolves,
 * and so before its effect. It refuses to know what the records mean.
 *
 * Records that come within one window become one segment. A segment, once sealed, is put until it is there:
 * no later one could follow it. Where the store fails, appending waits, then fails, and the vault must not do
 * what it could not write down.
 */
import { type DraftRecord, lineBytesBound, type PreviousReel, type VaultDraft } from '@pgtape/evidence';
import type { AppendedRecord, OwnSegment } from './ownSealer.ts';

/**
 * - `VAULT_REEL_FULL`: more waits to be stored than the queue holds; the record is not written.
 * - `VAULT_REEL_LATE`: it could not be stored in time. It may be stored still: a record without its effect.
 * - `VAULT_REEL_CLOSED`: the vault stops.
 * - `VAULT_REEL_LOST`: another vault has the archive, or wrote this reel; nothing can be appended any more.
 */
export type VaultReelErrorCode =
  | 'VAULT_REEL_FULL'
  | 'VAULT_REEL_LATE'
  | 'VAULT_REEL_CLOSED'
  | 'VAULT_REEL_LOST';

/** The caller must refuse what it wanted to write down. */
export class VaultReelError extends Error {
  override readonly name = 'VaultReelError';
  readonly code: VaultReelErrorCode;
  constructor(code: VaultReelErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A record before it has its clocks. */
type WithoutClock<D> = D extends unknown ? Omit<D, 'at' | 'mono'> : never;
export type VaultEntry = WithoutClock<Exclude<VaultDraft, { kind: 'vault_opened' }>>;

/** `VaultReel.append`, for parts that only write. */
export type AppendOwn = (entry: VaultEntry, patienceMs?: number) => Promise<unknown>;

/** Begins a reel; what it found of the one before. */
export interface BegunReel {
  readonly opened: WithoutClock<Extract<VaultDraft, { kind: 'vault_opened' }>>;
  readonly previous: PreviousReel | null;
  readonly seal: (drafts: readonly DraftRecord[], at: string) => OwnSegment;
}

export interface VaultReelSources {
  /** Looks at the archive and makes the new reel's sealer. Tried again when it rejects. */
  readonly begin: () => Promise<BegunReel>;
  /**
   * Durable and in the log when it resolves. `contradicted`: another segment has this number. Tried again
   * when it rejects, with the same segment.
   */
  readonly store: (segment: OwnSegment) => Promise<'stored' | 'contradicted'>;
  /** False when another vault took the archive over. */
  readonly holdsLock: () => boolean;
  readonly wallUs: () => number;
  /** Milliseconds since the reel was made. */
  readonly monoMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Runs once after that long; the answer calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly failed: (error: Error) => void;
  readonly stored: (segment: OwnSegment) => void;
}

export interface VaultReelLimits {
  /** How long a record waits for others. */
  readonly windowMs: number;
  /** How long `append` waits unless told otherwise. */
  readonly patienceMs: number;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  readonly backoffMs: { readonly first: number; readonly max: number };
  /** How long `close` goes on trying. */
  readonly graceMs: number;
}

export const vaultReelLimits: VaultReelLimits = {
  windowMs: 100,
  patienceMs: 10_000,
  waitingMax: 10_000,
  waitingBytesMax: 32 * 1024 * 1024,
  backoffMs: { first: 100, max: 1000 },
  graceMs: 5000,
};

const segmentRecordsMax = 1000;
const segmentBytesMax = 2 * 1024 * 1024;

interface Waiting {
  readonly draft: DraftRecord;
  readonly bytes: number;
  readonly resolve: (appended: AppendedRecord) => void;
  readonly reject: (error: VaultReelError) => void;
  /** Rejected before it was sealed: it is left out. */
  gone: boolean;
}

export class VaultReel {
  readonly #sources: VaultReelSources;
  readonly #limits: VaultReelLimits;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #begun: BegunReel | null = null;
  #work: Promise<void> | null = null;
  #closing = false;
  #deadline = Number.POSITIVE_INFINITY;
  #lost: VaultReelError | null = null;

  constructor(sources: VaultReelSources, limits: VaultReelLimits = vaultReelLimits) {
    this.#sources = sources;
    this.#limits = limits;
  }

  /** Begins to write `vault_opened`, so that the reel begins with the vault and not with its first record. */
  start(): void {
    this.#go();
  }

  /** Records that wait to be stored. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when the record is stored and in the log. `patienceMs`: how long to wait for that; Infinity for
   * what has happened already and only wants to be told. Rejects with VaultReelError.
   */
  append(entry: VaultEntry, patienceMs = this.#limits.patienceMs): Promise<AppendedRecord> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    if (this.#closing) return Promise.reject(new VaultReelError('VAULT_REEL_CLOSED', 'the vault stops'));
    return this.#enqueue({ ...this.#clocks(), ...entry } as DraftRecord, patienceMs);
  }

  /**
   * Stores what waits, then `reel_closed`. Gives up after a grace; the reel has then no end, as after a
   * crash, and the next vault says so.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    // A vault that never began has nothing to end.
    if (this.#work === null && this.#begun === null) return;
    this.#deadline = this.#sources.monoMs() + this.#limits.graceMs;
    const end: DraftRecord = {
      ...this.#clocks(),
      kind: 'reel_closed',
      why: 'stopped',
      sessions: 0,
      statements: 0,
    };
    await this.#enqueue(end, Number.POSITIVE_INFINITY).catch(() => undefined);
  }

  #enqueue(draft: DraftRecord, patienceMs: number): Promise<AppendedRecord> {
    const bytes = lineBytesBound(draft);
    const isFull =
      this.#waiting.length >= this.#limits.waitingMax ||
      this.#waitingBytes + bytes > this.#limits.waitingBytesMax;
    if (isFull && draft.kind !== 'reel_closed') {
      const message = `${this.#waiting.length} records wait to be stored already`;
      return Promise.reject(new VaultReelError('VAULT_REEL_FULL', message));
    }
    return new Promise((resolve, reject) => {
      const late = (): void => {
        waiting.gone = true;
        reject(new VaultReelError('VAULT_REEL_LATE', `not stored within ${patienceMs} ms`));
      };
      const isPatient = patienceMs === Number.POSITIVE_INFINITY;
      const settled = isPatient ? () => undefined : this.#sources.after(patienceMs, late);
      const waiting: Waiting = {
        draft,
        bytes,
        gone: false,
        resolve: (appended) => {
          settled();
          resolve(appended);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      this.#waitingBytes += bytes;
      this.#go();
    });
  }

  #go(): void {
    this.#work ??= this.#run().finally(() => {
      this.#work = null;
      if (this.#waiting.length > 0 && this.#lost === null) this.#go();
    });
  }

  async #run(): Promise<void> {
    const begun = await this.#begin();
    if (begun === null) return this.#giveUp();
    while (this.#waiting.length > 0) {
      if (!this.#closing) await this.#sources.sleep(this.#limits.windowMs);
      const batch = this.#take();
      if (batch.length === 0) continue;
      const segment = begun.seal(
        batch.map(({ draft }) => draft),
        this.#clocks().at,
      );
      if (!(await this.#store(segment))) return this.#giveUp(batch);
      for (const [i, { resolve }] of batch.entries()) resolve(segment.appended[i]!);
    }
  }

  /** The reel's first segment is `vault_opened` alone. null: given up. */
  async #begin(): Promise<BegunReel | null> {
    if (this.#begun !== null) return this.#begun;
    const begun = await this.#untilDone(this.#sources.begin);
    if (begun === null) return null;
    const { opened, previous } = begun;
    const draft = { ...this.#clocks(), ...opened, ...(previous !== null && { previous }) } as DraftRecord;
    if (!(await this.#store(begun.seal([draft], this.#clocks().at)))) return null;
    this.#begun = begun;
    return begun;
  }

  async #store(segment: OwnSegment): Promise<boolean> {
    const answer = await this.#untilDone(() => this.#sources.store(segment));
    if (answer === 'contradicted') {
      this.#lost = new VaultReelError('VAULT_REEL_LOST', "someone else wrote into the vault's own reel");
      this.#sources.failed(this.#lost);
    }
    if (answer !== 'stored') return false;
    this.#sources.stored(segment);
    return true;
  }

  /** Tries until it is done, the lock is gone, or the grace of `close` is over: null. */
  async #untilDone<T>(attempt: () => Promise<T>): Promise<T | null> {
    const { first, max } = this.#limits.backoffMs;
    for (let wait = first; ; wait = Math.min(wait * 2, max)) {
      if (!this.#sources.holdsLock()) {
        this.#lost = new VaultReelError('VAULT_REEL_LOST', 'another vault has the archive');
        return null;
      }
      try {
        return await attempt();
      } catch (error) {
        this.#sources.failed(error instanceof Error ? error : new Error(String(error)));
      }
      if (this.#sources.monoMs() >= this.#deadline) return null;
      await this.#sources.sleep(wait);
    }
  }

  /** The next records of the queue, but for those whose caller went away. */
  #take(): Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    while (this.#waiting.length > 0 && batch.length < segmentRecordsMax) {
      const next = this.#waiting[0]!;
      if (batch.length > 0 && bytes + next.bytes > segmentBytesMax) break;
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes;
      if (next.gone) continue;
      bytes += next.bytes;
      batch.push(next);
    }
    return batch;
  }

  /** Nothing more will be stored. */
  #giveUp(batch: readonly Waiting[] = []): void {
    this.#lost ??= new VaultReelError('VAULT_REEL_CLOSED', 'the vault stopped before it could be stored');
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(this.#lost);
    this.#waitingBytes = 0;
  }

  #clocks(): { readonly at: string; readonly mono: string } {
    const { wallUs, monoMs } = this.#sources;
    return { at: `${Math.round(wallUs())}000`, mono: String(Math.round(monoMs() * 1e6)) };
  }
}
