/**
 * Owns the evidence side of one recorder: the living reel's pipeline, those of dead recorders, the outbox and the sender, and
 * the messages of workerPlan.ts. Decides when work is done, never what is recorded. Never asks the relay for anything.
 */
import { join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import { defaultLimits } from '@pgtape/session';
import { CoverageDesk, type CoverageDeskEdges } from './coverageDesk.ts';
import { Outbox } from './outbox.ts';
import { deadReels, journalTest, recoverReel } from './recovery.ts';
import { type PipelineOptions, type PipelineState, ReelPipeline } from './reelPipeline.ts';
import { Reserve, reserveName } from './reserve.ts';
import { SealTimes } from './sealTimes.ts';
import { Sender, within } from './sender.ts';
import type { SpoolDisk } from './spoolDisk.ts';
import { TypeLearner, type TypeLearnerEdges } from './typeLearner.ts';
import { VaultTarget, type VaultWay } from './vaultTarget.ts';
import type { FromWorker, ToWorker, WorkerPlan, WorkerStats } from './workerPlan.ts';

/** What the worker has of the world. */
export interface WorkerEdges {
  readonly disk: SpoolDisk;
  readonly openVault: (vault: WorkerPlan['vault']) => VaultWay;
  /** Text of a secret file, without the newline at its end. */
  readonly readSecret: (path: string) => string;
  readonly wallUs: () => number;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
  readonly random: () => number;
  /** CPU microseconds of this thread. */
  readonly cpuUs: () => number;
  readonly post: (message: FromWorker) => void;
  /** Gives back the memory that this thread does not need. */
  readonly compact?: () => void;
  /** The side connection; absent, nothing is learned. */
  readonly askTypes?: TypeLearnerEdges['ask'];
  /** Absent, coverage is not measured. */
  readonly coverageServer?: CoverageDeskEdges['server'];
}

/** Journal decoded before others get their turn on the thread. */
const stepBytes = 256 * 1024;
const pollMsMin = 5;
const pollMsMax = 50;
/** Between two attempts at an outbox that takes nothing. */
const stalledMs = 250;
/** Of the grace to stop in: for what has to follow the sending. */
const closeMs = 200;
/** The relay counts these itself, when they happen. */
const countedByRelay: ReadonlySet<string> = new Set([
  'tls_no_certificate',
  'bad_framing',
  'journal_full',
  'spool_full',
]);

/** A dead recorder's reel, and the directory it lies in. */
interface DeadReel {
  readonly journalDir: string;
  readonly reel: string;
}

export class EvidenceThread {
  readonly #plan: WorkerPlan;
  readonly #edges: WorkerEdges;
  readonly #progress: Float64Array;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #vault: VaultTarget;
  readonly #types: TypeLearner | null;
  readonly #coverage: CoverageDesk | null;
  readonly #sealTimes: SealTimes;
  readonly #recovered: string[] = [];
  readonly #reserve: Reserve | null;
  /** Dead reels not yet begun. */
  readonly #dead: DeadReel[] = [];
  #recovering: ReelPipeline | null = null;
  #recoveryError = '';
  #live: ReelPipeline | null = null;
  #liveState: PipelineState = 'busy';
  #deadState: PipelineState = 'busy';
  #isStarted = false;
  #stopAtMs = 0;
  #wake: (() => void) | null = null;
  #segmentsSealed = 0;
  /** Of reels that are recovered and gone. */
  #pastRecords = 0;
  #pastStatements = 0;
  #pastDecodeLost = 0;

  /** @throws ErrnoException when the spool cannot be read */
  constructor(plan: WorkerPlan, edges: WorkerEdges) {
    this.#plan = plan;
    this.#edges = edges;
    this.#progress = new Float64Array(plan.progress);
    const { disk, nowMs, random, askTypes, post } = edges;
    this.#vault = new VaultTarget(plan.vault, edges.openVault, edges.readSecret);
    this.#types =
      askTypes === undefined
        ? null
        : new TypeLearner({
            ask: askTypes,
            nowMs,
            learned: (entry) => post({ kind: 'types', entry }),
            failed: (database, reason, detail) => post({ kind: 'types_failed', database, reason, detail }),
          });
    const { coverageServer, readSecret, wallUs } = edges;
    this.#coverage =
      coverageServer === undefined
        ? null
        : new CoverageDesk({
            ...{ server: coverageServer, readSecret },
            askRelay: () => post({ kind: 'backends_wanted' }),
            told: (outcome) => post({ kind: 'coverage', outcome }),
            nowMs: () => wallUs() / 1000,
          });
    const places = [plan.journalDir, ...(plan.formerJournalDirs ?? [])];
    const tests = places.map((dir) => journalTest(disk, dir, plan.reel));
    this.#outbox = new Outbox(plan.outboxDir, (reel) => tests.some((has) => has(reel)), disk);
    this.#sealTimes = new SealTimes(this.#outbox.segments, edges.wallUs());
    for (const journalDir of places) {
      for (const reel of deadReels(disk, journalDir, plan.reel)) this.#dead.push({ journalDir, reel });
    }
    const { room } = plan;
    this.#reserve =
      room === undefined ? null : new Reserve(disk, join(plan.journalDir, reserveName), room.reserveBytes);
    this.#sender = new Sender({
      outbox: this.#outbox,
      client: this.#vault,
      timeoutMs: () => this.#vault.timeoutMs,
      metadata: this.#vault.metadata,
      wallUs: edges.wallUs,
      nowMs,
      random,
    });
  }

  /**
   * Works until told to stop. @throws when the living reel's journal cannot be read or decoded: whoever starts the worker anew lets it
   * take up the reel from its snapshot
   */
  async run(): Promise<void> {
    this.#sender.start();
    let pollMs = pollMsMin;
    while (!this.#isDone()) {
      const worked = this.#work();
      this.#announce();
      pollMs = worked ? pollMsMin : Math.min(pollMsMax, pollMs * 2);
      if (worked) await new Promise<void>((resolve) => setImmediate(resolve));
      else await this.#sleep(this.#isStalled() ? stalledMs : pollMs);
    }
    await this.#stop();
  }

  receive(message: ToWorker): void {
    if (message.kind === 'stats') {
      this.#edges.post({ kind: 'stats', stats: this.stats() });
      return;
    }
    if (message.kind === 'compact') {
      this.#edges.compact?.();
      return;
    }
    if (message.kind === 'backends') {
      this.#coverage?.backends(message.seen);
      return;
    }
    if (message.kind === 'configure') {
      if (message.vault !== undefined) {
        this.#vault.configure(message.vault);
        this.#sender.tryNow();
      }
      if (message.coverage !== undefined) this.#coverage?.begin(message.coverage);
      return;
    }
    this.#stopAtMs = this.#edges.nowMs() + message.graceMs;
    this.#wake?.();
  }

  /** A session of the recorder's own was let in. */
  loggedIn(database: string, pid: number): void {
    this.#coverage?.loggedIn(database, pid);
  }

  stats(): WorkerStats {
    const live = this.#live;
    const dead = this.#recovering;
    const sum = (past: number, of: (pipeline: ReelPipeline) => number): number =>
      past + (live === null ? 0 : of(live)) + (dead === null ? 0 : of(dead));
    return {
      records: sum(this.#pastRecords, ({ records }) => records),
      statements: sum(this.#pastStatements, ({ statements }) => statements),
      sessionsOpen: live?.sessionsOpen ?? 0,
      decodeLost: sum(this.#pastDecodeLost, ({ decodeLost }) => decodeLost),
      segmentsSealed: this.#segmentsSealed,
      segmentsAcked: this.#sender.acked,
      outboxSegments: this.#outbox.segments,
      outboxBytes: this.#outbox.bytes,
      ...this.#sealTimes.look(this.#outbox.segments, this.#sender.acked, this.#edges.wallUs()),
      sendErrors: this.#sender.errors,
      lastSendError: this.#lastError(),
      blockedReels: this.#sender.blocked.length,
      cpuUs: this.#edges.cpuUs(),
      typesLearned: this.#types?.types ?? 0,
      typeLookups: Object.fromEntries(this.#types?.lookups ?? []),
    };
  }

  #lastError(): string {
    if (this.#recoveryError !== '') return `recovery: ${this.#recoveryError}`;
    const failure = this.#live?.failure ?? this.#recovering?.failure ?? null;
    if (failure !== null) return `outbox: ${failure.message}`;
    const snapshot = this.#live?.snapshotFailure ?? null;
    return snapshot === null ? this.#sender.lastError : `snapshot: ${snapshot.message}`;
  }

  /** One step of the living reel and one of a dead one; false: nothing to do at the moment. */
  #work(): boolean {
    const isLiveBusy = this.#workLive();
    const isDeadBusy = this.#workDead();
    return isLiveBusy || isDeadBusy;
  }

  #workLive(): boolean {
    if (this.#liveState === 'ended') return false;
    this.#live ??= this.#openLive();
    this.#liveState = this.#live.step(stepBytes);
    if (this.#liveState === 'idle') this.#live.relieve(this.#progress[2] === 1);
    this.#progress[1] = this.#live.settledBytes;
    this.#progress[3] = this.#outbox.bytes;
    this.#progress[4] = this.#live.failure === null ? 0 : 1;
    return this.#liveState === 'busy';
  }

  #openLive(): ReelPipeline {
    const { journalDir, reel, room } = this.#plan;
    const types = this.#types;
    return new ReelPipeline({
      ...this.#pipelineOptions({ journalDir, reel }),
      isDead: false,
      ...(types === null ? {} : { onTypeWanted: (database, oid) => types.want(database, oid) }),
      ...(room === undefined ? {} : { snapshotBytes: room.snapshotBytes }),
      ...(this.#reserve === null ? {} : { reserve: this.#reserve }),
    });
  }

  #workDead(): boolean {
    if (this.#recovering === null) {
      const dead = this.#dead[0];
      if (dead === undefined) return false;
      try {
        this.#recovering = recoverReel(this.#pipelineOptions(dead));
      } catch (error) {
        // The disk takes or gives nothing at the moment; nothing is lost by trying again.
        this.#deadState = 'stalled';
        this.#recoveryError = (error as Error).message;
        return false;
      }
      this.#recoveryError = '';
      this.#dead.shift();
      this.#recovered.push(dead.reel);
      if (this.#recovering === null) return true;
    }
    return this.#stepDead(this.#recovering);
  }

  #stepDead(pipeline: ReelPipeline): boolean {
    try {
      this.#deadState = pipeline.step(stepBytes);
    } catch (error) {
      // Its journal stays for the next start.
      const { code, message } = error as NodeJS.ErrnoException;
      this.#edges.post({
        kind: 'fatal',
        code: code ?? 'RECOVERY_FAILED',
        message: `${pipeline.reel}: ${message}`,
      });
      this.#deadState = 'ended';
    }
    if (this.#deadState !== 'ended') return this.#deadState === 'busy';
    pipeline.close();
    this.#recovering = null;
    this.#pastRecords += pipeline.records;
    this.#pastStatements += pipeline.statements;
    this.#pastDecodeLost += pipeline.decodeLost;
    return true;
  }

  #pipelineOptions({ journalDir, reel }: DeadReel): Omit<PipelineOptions, 'isDead'> {
    const { heartbeatSeconds, limits, segment } = this.#plan;
    const { disk, wallUs, nowMs, post } = this.#edges;
    return {
      dir: join(journalDir, reel),
      settings: { limits: { ...defaultLimits, ...limits }, heartbeatSeconds },
      segment,
      outbox: this.#outbox,
      disk,
      wallUs,
      nowMs,
      onCrashed: (pids) => this.#coverage?.leftBehind(pids),
      onRecord: (draft: DraftRecord, seq: number, isNew: boolean) => {
        if (draft.kind !== 'gap' || !isNew || countedByRelay.has(draft.reason)) return;
        post({ kind: 'gap', reason: draft.reason, reel, seq });
      },
      onSealed: () => {
        this.#segmentsSealed += 1;
        this.#sealTimes.sealed(wallUs());
        this.#sender.wake();
      },
    };
  }

  /** Once, when dead reels are recovered, or when they cannot be for now. */
  #announce(): void {
    if (this.#isStarted) return;
    const isRecovered = this.#recovering === null && this.#dead.length === 0;
    if (!isRecovered && this.#deadState !== 'stalled') return;
    this.#isStarted = true;
    if (isRecovered) this.#leaveFormerPlaces();
    this.#reserve?.make(this.#edges.nowMs());
    this.#edges.post({ kind: 'started', recoveredReels: [...this.#recovered] });
    // Not before: what the dead recorder had open is known only now.
    this.#coverage?.begin(this.#plan.coverage ?? null);
  }

  /** Those that hold nothing any more go; one that could not be recovered stays for the next start. */
  #leaveFormerPlaces(): void {
    const { disk } = this.#edges;
    for (const dir of this.#plan.formerJournalDirs ?? []) {
      if (disk.list(dir).every((name) => name === reserveName)) disk.removeTree(dir);
    }
  }

  #isStalled(): boolean {
    return this.#liveState === 'stalled' || this.#deadState === 'stalled';
  }

  #isDone(): boolean {
    if (this.#stopAtMs === 0) return false;
    if (this.#edges.nowMs() >= this.#stopAtMs - closeMs) return true;
    // Reels of dead recorders are evidence like any other: stopping waits for them, as long as the grace lasts.
    return this.#liveState === 'ended' && this.#recovering === null && this.#dead.length === 0;
  }

  async #stop(): Promise<void> {
    this.#types?.stop();
    this.#coverage?.stop();
    this.#live?.close();
    this.#recovering?.close();
    const { nowMs, post } = this.#edges;
    await this.#sender.drain(Math.max(0, this.#stopAtMs - closeMs - nowMs()));
    await within(this.#vault.close(), closeMs);
    const unrecoveredReels = this.#dead.length + (this.#recovering === null ? 0 : 1);
    post({ kind: 'stopped', unsentSegments: this.#outbox.segments, unrecoveredReels });
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}
