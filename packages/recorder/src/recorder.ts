/**
 * Composes the recorder: spool, journal, relay, evidence worker and health. Knows every part, does nothing of
 * its own.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type HealthServer, logger, type SystemClock, systemClock } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import { configHash } from './configHash.ts';
import { CoverageView } from './coverageView.ts';
import type { JournalDisk } from './journalFile.ts';
import type { ReelEntry } from './journalFormat.ts';
import { type JournalRoom, journalRoom } from './journalRoom.ts';
import { JournalWriter } from './journalWriter.ts';
import { noteLeftSessions, takeLeftSessions } from './leftSessions.ts';
import { Listeners } from './listener.ts';
import type { RecorderDeps, RecorderLog, RunningRecorder } from './recorderDeps.ts';
import { RecorderError } from './recorderError.ts';
import { openHealth } from './recorderHealth.ts';
import { recorderMetrics } from './recorderMetrics.ts';
import { countStart } from './recorderStarts.ts';
import { type RecorderStats, readStats } from './recorderStats.ts';
import { RecorderView } from './recorderView.ts';
import { coveragePlan, newReel, workerPlan } from './reelPlan.ts';
import { Relay } from './relay.ts';
import { relaySettings } from './relaySettings.ts';
import { bytesIn, freeBytes, openSpool, type Spool } from './spool.ts';
import { statusAnswers } from './statusAnswers.ts';
import type { StatusParts } from './statusReport.ts';
import { TlsFiles } from './tlsFiles.ts';
import { type StartWorker, startDecodeWorker, WorkerKeeper } from './workerKeeper.ts';
import type { WorkerPlan } from './workerPlan.ts';

const tickMs = 1000;
/** Between two looks at the certificates' files. */
const ticksPerPoll = 5;

/** Everything that runs, so that both the orderly end and a failed start can take it down. */
class Composition implements RunningRecorder {
  readonly reel: string;
  readonly recorder: string;
  readonly journalDir: string;
  readonly #config: RecorderConfig;
  readonly #spool: Spool;
  readonly #log: RecorderLog;
  readonly #clock: SystemClock;
  readonly #progress: Float64Array;
  readonly #plan: WorkerPlan;
  readonly #journal: JournalWriter;
  #room: JournalRoom;
  /** Measured again once dead reels no longer take any of it. */
  #isRoomFinal = false;
  readonly #relay: Relay;
  readonly #tls: TlsFiles;
  #listener: Listeners | null = null;
  readonly #view: RecorderView;
  readonly #coverage: CoverageView;
  readonly #deps: RecorderDeps;
  readonly #startedUs: number;
  #starts = 1;
  #worker: WorkerKeeper | null = null;
  #health: HealthServer | null = null;
  #ticker: NodeJS.Timeout | null = null;
  #ticks = 0;
  #isSpoolLost = false;
  #closing: Promise<{ unsentSegments: number }> | null = null;

  /** @throws RecorderError `JOURNAL_UNUSABLE` */
  constructor(config: RecorderConfig, spool: Spool, deps: RecorderDeps) {
    this.#config = config;
    this.#spool = spool;
    this.#deps = deps;
    this.#log = deps.log ?? logger('pgtape-recorder', config.log.level);
    this.#clock = deps.clock ?? systemClock();
    const startMs = this.#clock.monoMs();
    const monoMs = (): number => this.#clock.monoMs() - startMs;
    const shared = new SharedArrayBuffer(5 * Float64Array.BYTES_PER_ELEMENT);
    this.#progress = new Float64Array(shared);
    this.#startedUs = this.#clock.wallUs();
    const reel = newReel(config, spool, this.#startedUs, deps.version ?? '0.1.0');
    this.reel = reel.reel;
    this.recorder = spool.recorder;
    this.journalDir = join(spool.journalDir, reel.reel);
    this.#tls = new TlsFiles(config.listen, config.upstream, {
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
    this.#room = journalRoom(spool.journalFreeBytes, config.journal.maxBytes);
    const coverage = coveragePlan(config, this.#startedUs / 1000, takeLeftSessions(this.#leftFile));
    this.#plan = {
      ...workerPlan(config, spool, reel.reel, shared, this.#room),
      ...(coverage === null ? {} : { coverage }),
    };
    this.#journal = this.#openJournal(reel, monoMs, deps.journalDisk);
    const room = (): JournalRoom => this.#room;
    this.#relay = new Relay({
      journal: this.#journal,
      upstream: config.upstream,
      tls: () => this.#tls.material,
      ...relaySettings(config),
      inspectBytesMax: config.limits.inspectBytesMax,
      rewrapAccepted: config.relay.rewrapAccepted,
      get backlogBytesMax() {
        return room().backlogBytes;
      },
      backlogBytes: () => (this.#progress[0] as number) - (this.#progress[1] as number),
      spool: {
        ...config.spool,
        outboxBytes: () => this.#progress[3] as number,
        isOutboxFailing: () => this.#progress[4] === 1,
      },
      monoMs,
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
      onServerCertificate: (leaf) => this.#view.sawServerCertificate(leaf),
    });
    this.#coverage = new CoverageView({
      isConfigured: config.coverage !== undefined,
      journal: (entry) => this.#journalReel(() => this.#journal.bypass(entry)),
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
    this.#view = new RecorderView({
      capture: config.capture,
      listeners: () => this.#listener,
      served: () => this.#tls.material.served?.leaf ?? null,
      upstream: () => config.upstream,
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
  }

  get hasWorker(): boolean {
    return this.#worker !== null;
  }

  get listen(): { readonly host: string; readonly port: number } {
    return { host: this.#listener?.host ?? '', port: this.#listener?.port ?? 0 };
  }

  get health(): { readonly host: string; readonly port: number } | null {
    return this.#health === null ? null : { host: this.#health.host, port: this.#health.port };
  }

  async start(startWorker: StartWorker): Promise<void> {
    for (const warning of this.#spool.warnings) this.#log.warn({ event: 'spool' }, warning);
    this.#tellWhatIsGone();
    const { listen, capture } = this.#config;
    const listeners = new Listeners(
      { ...listen, waits: capture !== undefined },
      (client) => this.#relay.accept(client),
      (detail) => this.#log.warn({ event: 'listen_address_absent' }, detail),
    );
    this.#listener = listeners;
    await listeners.open();
    if (capture !== undefined) this.#starts = countStart(`${this.#spool.journalDir}.starts`);
    this.#worker = new WorkerKeeper(this.#plan, startWorker, {
      onGap: (reason) => this.#relay.gauges.countGap(reason),
      onTypes: (entry) => this.#journalReel(() => this.#journal.types(entry)),
      onBackendsWanted: () => this.#worker?.answerBackends(this.#relay.backends.look()),
      onCoverage: (outcome) => this.#coverage.told(outcome, this.#clock.wallUs()),
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#health = await openHealth(this.#config, this.#log, {
      ready: () => this.#readiness(),
      metrics: recorderMetrics(() => this.stats()),
      answers: statusAnswers(
        () => this.#statusParts(),
        (from) => this.#relay.accepted.has(from),
      ),
    });
    for (const word of this.#deps.standIns ?? [])
      this.#log.warn(
        { event: word },
        'this is not what the recorder was given: see what it said at its start',
      );
    this.#log.info({ event: 'started', reel: this.reel, ...this.listen }, 'recording');
  }

  stats(): RecorderStats {
    return readStats({
      relay: this.#relay,
      progress: this.#progress,
      tlsFailures: this.#tls.failures,
      view: this.#view,
      coverage: this.#coverage.facts,
      worker: this.#worker,
    });
  }

  get #leftFile(): string {
    return `${this.#spool.journalDir}.left`;
  }

  #statusParts(): StatusParts {
    const { name, capture } = this.#config;
    return {
      version: this.#deps.version ?? '0.1.0',
      reel: this.reel,
      database: name,
      configHash: configHash(this.#deps.configText),
      startedUs: this.#startedUs,
      nowUs: this.#clock.wallUs(),
      starts: this.#starts,
      mode: capture?.mode ?? '',
      listeners: this.#listener?.bound ?? [],
      stats: this.stats(),
    };
  }

  close(): Promise<{ unsentSegments: number }> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** A start that failed leaves no reel behind: nothing was recorded. */
  abandon(): void {
    this.#listener?.close();
    this.#relay.turn.dispose();
    this.#journal.dispose();
    rmSync(this.journalDir, { recursive: true, force: true });
    this.#spool.leave();
  }

  async #close(): Promise<{ unsentSegments: number }> {
    this.#listener?.close();
    if (this.#ticker !== null) clearInterval(this.#ticker);
    const { coverage } = this.#plan;
    // What the server has still not noticed of the recorder before is this one's to hand on.
    const left = coverage === undefined ? [] : [...this.#relay.backends.openPids, ...coverage.former];
    noteLeftSessions(this.#leftFile, left);
    this.#relay.stop();
    this.#journal.end();
    if (!this.#relay.turn.run()) {
      this.#log.warn(
        { event: 'journal_full' },
        'the journal could not be closed: the reel will be called crashed',
      );
    }
    this.#relay.turn.dispose();
    this.#journal.dispose();
    const unsentSegments = (await this.#worker?.stop(this.#config.stopGraceSeconds * 1000)) ?? 0;
    await this.#health?.close();
    this.#spool.leave();
    this.#log.info({ event: 'stopped', reel: this.reel, unsentSegments }, 'the tape is closed');
    return { unsentSegments };
  }

  #openJournal(reel: ReelEntry, nowMs: () => number, disk: JournalDisk | undefined): JournalWriter {
    try {
      mkdirSync(this.journalDir, { mode: 0o700 });
      return new JournalWriter({
        dir: this.journalDir,
        reel,
        nowMs,
        progress: this.#progress,
        fileBytesMax: this.#room.fileBytes,
        ...(disk === undefined ? {} : { disk }),
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      rmSync(this.journalDir, { recursive: true, force: true });
      throw new RecorderError('JOURNAL_UNUSABLE', `cannot write the journal in ${this.journalDir}: ${code}`, {
        cause: error,
      });
    }
  }

  /** Journals of a run that did not end in order, on a volume that is not there any more. */
  #tellWhatIsGone(): void {
    for (const dir of this.#spool.former.gone) {
      const detail = `the journal of an earlier run is gone (${dir}): what of it was not sealed is lost`;
      this.#log.warn({ event: 'journal_gone' }, detail);
      this.#journal.gap(0, { reason: 'recorder_crashed', detail });
      this.#relay.turn.arm();
    }
  }

  /** Known from here on; while the journal fails it waits like everything else. */
  #journalReel(write: () => void): void {
    if (this.#closing !== null) return;
    write();
    this.#relay.turn.arm();
  }

  /** Dead reels take room until they are recovered; what the living one takes counts as free. */
  #measureRoom(): void {
    if (this.#isRoomFinal || this.#worker?.isRunning !== true) return;
    this.#isRoomFinal = true;
    const { maxBytes } = this.#config.journal;
    const { journalDir } = this.#spool;
    const free = freeBytes(journalDir) + bytesIn(journalDir);
    this.#room = journalRoom(free, maxBytes);
    const { backlogBytes } = this.#room;
    if (backlogBytes >= maxBytes) return;
    this.#log.warn(
      { event: 'spool' },
      `${journalDir} has room for a journal of ${backlogBytes} bytes only: journal.maxBytes is lowered to that`,
    );
  }

  /** Two that seal and send one spool would call each other's segments forged: the one that lost it stops. */
  #loseSpool(): void {
    this.#isSpoolLost = true;
    this.#worker?.halt();
    this.#log.warn(
      { event: 'spool_lost' },
      `another recorder has taken ${this.#config.spool.dir}: this one seals and sends nothing any more; ` +
        'stop it, or give it a spool.dir of its own',
    );
  }

  #readiness(): { ok: boolean; reasons: string[] } {
    const reasons: string[] = [];
    const { full } = this.#relay;
    if (this.#relay.isBacklogged) reasons.push('backlog');
    if (this.#worker?.isRunning !== true) reasons.push('worker_down');
    if (this.#isSpoolLost) reasons.push('spool_lost');
    if ((this.#worker?.stats?.blockedReels ?? 0) > 0) reasons.push('vault_refuses');
    const ok = reasons.length === 0 && (full === null || this.#config.failure.onSpoolFull === 'pass');
    // Clients that pass are served: who takes the server out of service for it would do what `pass` is there to prevent.
    const told = [...(this.#deps.standIns ?? []), ...reasons];
    return { ok, reasons: full === null ? told : [full, ...told] };
  }

  reloadCertificates(): void {
    this.#tls.reload();
  }

  #tick(): void {
    if (!this.#isSpoolLost && !this.#spool.lock.touch()) this.#loseSpool();
    this.#worker?.askStats();
    void this.#view.tick();
    this.#progress[2] = this.#relay.turn.isFailing ? 1 : 0;
    this.#measureRoom();
    this.#ticks += 1;
    if (this.#ticks % ticksPerPoll === 0) this.#tls.poll();
    if (this.#journal.replaceRemoved()) {
      this.#log.warn({ event: 'journal_removed' }, `${this.journalDir} was removed: it is made anew`);
    }
    // While the journal fails ticks would only pile up.
    if (!this.#relay.turn.isFailing) {
      this.#journal.tick(this.#clock.wallUs());
      this.#relay.turn.run();
    }
    this.#relay.tick();
  }
}

/** A volume that is full of what dead recorders left is emptied first. @throws RecorderError */
async function compose(config: RecorderConfig, spool: Spool, deps: RecorderDeps): Promise<Composition> {
  try {
    return new Composition(config, spool, deps);
  } catch (error) {
    const cause = (error as RecorderError).cause as NodeJS.ErrnoException | undefined;
    if (cause?.code !== 'ENOSPC') throw error;
  }
  // Not loaded otherwise: on this thread nothing decodes.
  const { recoverBeforeStart } = await import('./startRecovery.ts');
  const clock = deps.clock ?? systemClock();
  const room = journalRoom(0, config.journal.maxBytes);
  recoverBeforeStart(workerPlan(config, spool, '', new SharedArrayBuffer(40), room), () => clock.wallUs());
  return new Composition(config, spool, deps);
}

/**
 * Starts a recorder: takes the spool, opens the journal, listens, starts the evidence worker.
 * @throws RecorderError; nothing is left running then
 */
export async function startRecorder(
  config: RecorderConfig,
  deps: RecorderDeps = {},
): Promise<RunningRecorder> {
  const spool = await openSpool({
    spoolDir: config.spool.dir,
    journalDir: config.journal.dir,
    onDisk: config.journal.onDisk,
    env: deps.env ?? {},
  });
  let running: Composition;
  try {
    running = await compose(config, spool, deps);
  } catch (error) {
    spool.leave();
    throw error;
  }
  try {
    await running.start(deps.startWorker ?? startDecodeWorker);
  } catch (error) {
    if (running.hasWorker) await running.close();
    else running.abandon();
    throw error;
  }
  return running;
}
