/**
 * Composes the recorder: spool, journal, relay, evidence worker and health. Knows every part, does nothing of
 * its own.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type HealthVerdict, logger, type SystemClock, systemClock } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import { ConfigTakeover } from './configTakeover.ts';
import { ConfigWatch } from './configWatch.ts';
import { CoverageView } from './coverageView.ts';
import { HealthPort } from './healthPort.ts';
import { IdleMemory } from './idleMemory.ts';
import { type JournalRoom, journalRoom } from './journalRoom.ts';
import type { JournalWriter } from './journalWriter.ts';
import { noteLeftSessions, takeLeftSessions } from './leftSessions.ts';
import { Listeners } from './listener.ts';
import { openJournal } from './openJournal.ts';
import { readiness } from './readiness.ts';
import { served } from './readinessFacts.ts';
import type { RecorderDeps, RecorderLog, RunningRecorder } from './recorderDeps.ts';
import { recorderMetrics } from './recorderMetrics.ts';
import { countStart } from './recorderStarts.ts';
import { type ConfigState, type RecorderStats, readStats } from './recorderStats.ts';
import { RecorderView } from './recorderView.ts';
import { coveragePlan, newReel, workerPlan } from './reelPlan.ts';
import { Relay } from './relay.ts';
import { relaySettings } from './relaySettings.ts';
import { bytesIn, freeBytes, type Spool } from './spool.ts';
import { statusAnswers } from './statusAnswers.ts';
import type { StatusParts } from './statusReport.ts';
import { TlsFiles, type TlsFilesEvents } from './tlsFiles.ts';
import { type StartWorker, WorkerKeeper } from './workerKeeper.ts';
import type { WorkerPlan } from './workerPlan.ts';

const tickMs = 1000;
/** Between two looks at the certificates' files. */
const ticksPerPoll = 5;

/** Everything that runs, so that both the orderly end and a failed start can take it down. */
export class Recorder implements RunningRecorder {
  readonly reel: string;
  readonly recorder: string;
  readonly journalDir: string;
  readonly #spool: Spool;
  readonly #log: RecorderLog;
  readonly #clock: SystemClock;
  readonly #progress: Float64Array;
  #plan: WorkerPlan;
  readonly #journal: JournalWriter;
  #room: JournalRoom;
  /** Measured again once dead reels no longer take any of it. */
  #isRoomFinal = false;
  readonly #relay: Relay;
  #tls: TlsFiles;
  #listener: Listeners | null = null;
  readonly #takeover: ConfigTakeover;
  /** Words for what it runs with in place of what it was given. */
  #standIns: readonly string[];
  readonly #watch: ConfigWatch | null;
  readonly #view: RecorderView;
  readonly #coverage: CoverageView;
  readonly #deps: RecorderDeps;
  readonly #startedUs: number;
  #starts = 1;
  #worker: WorkerKeeper | null = null;
  readonly #health: HealthPort;
  #ticker: NodeJS.Timeout | null = null;
  #ticks = 0;
  #isSpoolLost = false;
  readonly #idle = new IdleMemory();
  #closing: Promise<{ unsentSegments: number }> | null = null;

  /** @throws RecorderError `JOURNAL_UNUSABLE` */
  constructor(config: RecorderConfig, spool: Spool, deps: RecorderDeps) {
    this.#spool = spool;
    this.#deps = deps;
    this.#standIns = deps.standIns ?? [];
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
    this.#tls = new TlsFiles(config.listen, config.upstream, this.#tlsEvents);
    this.#room = journalRoom(spool.journalFreeBytes, config.journal.maxBytes);
    const coverage = coveragePlan(config, this.#startedUs / 1000, takeLeftSessions(this.#leftFile));
    this.#plan = {
      ...workerPlan(config, spool, reel.reel, shared, this.#room),
      ...(coverage === null ? {} : { coverage }),
    };
    this.#journal = openJournal({
      dir: this.journalDir,
      reel,
      nowMs: monoMs,
      progress: this.#progress,
      fileBytesMax: this.#room.fileBytes,
      ...(deps.journalDisk === undefined ? {} : { disk: deps.journalDisk }),
    });
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
    this.#health = this.#healthPort(config, monoMs);
    this.#takeover = this.#takeOver(config);
    this.#watch = this.#watchFiles();
    this.#coverage = new CoverageView({
      isConfigured: () => this.#config.coverage !== undefined,
      journal: (entry) => this.#journalReel(() => this.#journal.bypass(entry)),
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
    this.#view = new RecorderView({
      capture: config.capture,
      listeners: () => this.#listener,
      served: () => this.#tls.material.served?.leaf ?? null,
      upstream: () => this.#config.upstream,
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
  }

  get #config(): RecorderConfig {
    return this.#takeover.config;
  }

  #healthPort(config: RecorderConfig, now: () => number): HealthPort {
    const answers = statusAnswers(
      () => this.#statusParts(),
      (from) => this.#relay.accepted.has(from),
    );
    const metrics = recorderMetrics(() => this.stats());
    const shown = { ready: () => this.#readiness(), metrics, answers };
    return new HealthPort({ config, log: this.#log, now, shown });
  }

  #takeOver(config: RecorderConfig): ConfigTakeover {
    return new ConfigTakeover(config, this.#deps.configText, {
      secure: ({ listen, upstream }) => this.#secure(new TlsFiles(listen, upstream, this.#tlsEvents)),
      relay: (settings) => this.#relay.adopt(settings),
      worker: ({ vault = this.#plan.vault, coverage = this.#plan.coverage ?? null }) => {
        const { coverage: _before, ...plan } = this.#plan;
        this.#plan = { ...plan, vault, ...(coverage === null ? {} : { coverage }) };
        this.#worker?.configure(this.#plan, { kind: 'configure', vault, coverage });
      },
      journal: (entry) => this.#journalReel(() => this.#journal.configured(entry)),
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
      startedMs: this.#startedUs / 1000,
    });
  }

  #watchFiles(): ConfigWatch | null {
    const { configFiles } = this.#deps;
    if (configFiles === undefined) return null;
    return new ConfigWatch(configFiles, {
      onConfig: (config, text) => this.#take(config, text),
      onTrouble: (event, detail) => this.#log.warn({ event }, detail),
    });
  }

  #take(config: RecorderConfig, text: string | undefined): string | null {
    const problem = this.#takeover.take(config, text);
    // What stood in for a configuration is not needed any more.
    if (problem === null) this.#standIns = this.#standIns.filter((word) => !word.startsWith('config_'));
    return problem;
  }

  get #tlsEvents(): TlsFilesEvents {
    return { onTrouble: (event, detail) => this.#log.warn({ event }, detail) };
  }

  /** Files that cannot be used leave in use those before. */
  #secure(tls: TlsFiles): string | null {
    if (tls.failures > 0) return 'the certificates that it names cannot be used';
    this.#tls = tls;
    return null;
  }

  get hasWorker(): boolean {
    return this.#worker !== null;
  }

  get listen(): { readonly host: string; readonly port: number } {
    return { host: this.#listener?.host ?? '', port: this.#listener?.port ?? 0 };
  }

  get health(): { readonly host: string; readonly port: number } | null {
    return this.#health.place;
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
    await this.#health.open();
    for (const word of this.#standIns)
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
      configState: this.#configState,
      health: this.#health.facts,
      worker: this.#worker,
    });
  }

  get #configState(): ConfigState {
    const isStandIn = this.#standIns.some((word) => word.startsWith('config_'));
    if (isStandIn || (this.#watch?.problem ?? null) !== null) return 'config_invalid';
    return this.#takeover.restartNeeded.length > 0 ? 'restart_needed' : 'current';
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
      configHash: this.#takeover.hash,
      config: {
        policyHash: this.#takeover.policy,
        restartNeeded: this.#takeover.restartNeeded,
      },
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
    await this.#health.close();
    this.#spool.leave();
    this.#log.info({ event: 'stopped', reel: this.reel, unsentSegments }, 'the tape is closed');
    return { unsentSegments };
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

  #readiness(): HealthVerdict {
    const parts = { config: this.#config, relay: this.#relay, worker: this.#worker };
    return readiness({ ...served(parts), standIns: this.#standIns, isSpoolLost: this.#isSpoolLost });
  }

  reloadCertificates(): void {
    this.#tls.reload();
  }

  #tick(): void {
    if (!this.#isSpoolLost && !this.#spool.lock.touch()) this.#loseSpool();
    this.#worker?.askStats();
    void this.#view.tick();
    void this.#health.tick();
    this.#progress[2] = this.#relay.turn.isFailing ? 1 : 0;
    this.#measureRoom();
    this.#ticks += 1;
    if (this.#ticks % ticksPerPoll === 0) {
      this.#tls.poll();
      void this.#watch?.poll();
    }
    if (this.#journal.replaceRemoved()) {
      this.#log.warn({ event: 'journal_removed' }, `${this.journalDir} was removed: it is made anew`);
    }
    // While the journal fails ticks would only pile up.
    if (!this.#relay.turn.isFailing) {
      this.#journal.tick(this.#clock.wallUs());
      this.#relay.turn.run();
    }
    this.#relay.tick();
    if (this.#config.capture !== undefined) this.#idle.tick(this.#relay, this.#worker);
  }
}
