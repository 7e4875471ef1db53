import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GrpcClient } from '@pgtape/otlp';
import { EvidenceThread } from './evidenceThread.ts';
import { builtReel, JournalBuilder, journalFiles, say } from './journalBuilder.testing.ts';
import { makeSpool, quickDisk, runPipeline, type TestSpool } from './pipelineFixture.testing.ts';
import type { SpoolDisk } from './spoolDisk.ts';
import { VaultLike } from './vaultLike.testing.ts';
import type { FromWorker, WorkerPlan, WorkerStats } from './workerPlan.ts';

const deadReel = { ...builtReel, reel: 'dead0000000000000000000000000002' };

let vault: VaultLike;
beforeEach(async () => {
  vault = new VaultLike();
  await vault.listen();
});
afterEach(() => vault.close());

function planOf(spool: TestSpool): WorkerPlan {
  return {
    ...spool,
    reel: builtReel.reel,
    segment: { records: 10, bytes: 1 << 20, maxSeconds: 2 },
    limits: { sqlBytesMax: 65_536, paramBytesMax: 4096 },
    vault: { url: vault.url, timeoutMs: 10_000 },
    heartbeatSeconds: 30,
    progress: new SharedArrayBuffer(16),
  };
}

/** The worker's code on this thread. */
class InProcess {
  readonly messages: FromWorker[] = [];
  readonly thread: EvidenceThread;
  readonly done: Promise<void>;

  constructor(plan: WorkerPlan, disk: SpoolDisk = quickDisk) {
    this.thread = new EvidenceThread(plan, {
      readSecret: () => '',
      disk,
      openVault: () => new GrpcClient({ url: plan.vault.url }),
      wallUs: () => Date.now() * 1000,
      nowMs: () => performance.now(),
      random: Math.random,
      cpuUs: () => 0,
      post: (message) => this.messages.push(message),
    });
    this.done = this.thread.run();
  }

  async stop(graceMs: number): Promise<number> {
    this.thread.receive({ kind: 'stop', graceMs });
    await this.done;
    const last = this.messages.at(-1)!;
    if (last.kind !== 'stopped') throw new Error(`not stopped: ${last.kind}`);
    return last.unsentSegments;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 6000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!condition()) throw new Error(`did not come: ${what}`);
}

function talk(tape: JournalBuilder, session: number, statements: number): void {
  tape.begin(session);
  for (let i = 0; i < statements; i += 1) {
    tape.client(session, say.query(`select ${i}`));
    tape.turn();
    tape.server(session, say.complete('SELECT 1'), say.ready('I'));
    tape.turn(30);
  }
}

describe('the evidence worker', () => {
  it('puts a living reel into the vault while it is written, as a thread of its own', async () => {
    const spool = makeSpool();
    mkdirSync(spool.journalDir);
    const tape = new JournalBuilder(spool.journalDir, { fileBytesMax: 4000 });
    const plan = planOf(spool);
    const worker = new Worker(new URL('./decodeWorker.js', import.meta.url), { workerData: plan });
    const messages: FromWorker[] = [];
    let exit: number | null = null;
    worker.on('message', (message: FromWorker) => messages.push(message));
    worker.on('exit', (code) => {
      exit = code;
    });
    talk(tape, 1, 40);
    await until(() => vault.records(builtReel.reel).length >= 30, 'the first segments');
    expect(messages[0]).toEqual({ kind: 'started', recoveredReels: [] });
    talk(tape, 2, 40);
    tape.close(1);
    tape.close(2);
    tape.end();
    worker.postMessage({ kind: 'stats' });
    worker.postMessage({ kind: 'stop', graceMs: 5000 });
    await until(() => exit !== null, 'the end of the thread');
    expect(exit).toBe(0);
    expect(messages.at(-1)).toEqual({ kind: 'stopped', unsentSegments: 0, unrecoveredReels: 0 });
    const stats = messages.find(({ kind }) => kind === 'stats') as { stats: WorkerStats };
    expect(stats.stats.cpuUs).toBeGreaterThan(0);
    const { verdict, findings, sessions } = await vault.verdict(builtReel.reel);
    expect({ verdict, findings }).toEqual({ verdict: 'complete', findings: [] });
    expect(sessions.map(({ statements }) => statements)).toEqual([40, 40]);
    expect(new Float64Array(plan.progress)[1]).toBe(tape.bytes);
    expect(readdirSync(spool.journalDir)).toEqual([]);
    expect(readdirSync(spool.outboxDir)).toEqual([]);
  });

  it('recovers dead reels and says so, sends what stood in their outbox, and leaves nothing of them', async () => {
    const spool = makeSpool();
    const dead = new JournalBuilder(spool.journalDir, { reel: deadReel });
    talk(dead, 1, 30);
    dead.client(1, say.query('select 99'));
    dead.turn();
    dead.dispose();
    runPipeline(spool, { reel: deadReel.reel });
    expect(readdirSync(join(spool.outboxDir, deadReel.reel)).length).toBeGreaterThan(2);
    const tape = new JournalBuilder(spool.journalDir);
    const worker = new InProcess(planOf(spool));
    await until(() => worker.messages.length > 0, 'started');
    expect(worker.messages).toContainEqual({ kind: 'started', recoveredReels: [deadReel.reel] });
    expect(worker.messages).toContainEqual(
      expect.objectContaining({ kind: 'gap', reason: 'recorder_crashed', reel: deadReel.reel }),
    );
    tape.end();
    expect(await worker.stop(5000)).toBe(0);
    expect((await vault.verdict(deadReel.reel)).verdict).toBe('crashed');
    expect((await vault.verdict(builtReel.reel)).verdict).toBe('complete');
    const statements = vault.records(deadReel.reel).filter(({ kind }) => kind === 'statement');
    expect(statements.map(({ outcome }) => outcome)).toEqual([...Array(30).fill('completed'), 'lost']);
    expect(readdirSync(spool.journalDir)).toEqual([]);
    expect(readdirSync(spool.outboxDir)).toEqual([]);
  });

  it('journal_place: recovers a dead reel from where an earlier start kept it, and leaves that place', async () => {
    const former = makeSpool();
    const tape = new JournalBuilder(former.journalDir, { reel: deadReel });
    talk(tape, 1, 12);
    const spool = makeSpool();
    const living = new JournalBuilder(spool.journalDir);
    const worker = new InProcess({ ...planOf(spool), formerJournalDirs: [former.journalDir] });
    await until(() => worker.messages.some(({ kind }) => kind === 'started'), 'started');
    living.end();
    expect(await worker.stop(5000)).toBe(0);
    expect((await vault.verdict(deadReel.reel)).verdict).toBe('crashed');
    expect(existsSync(former.journalDir)).toBe(false);
  });

  it('keeps each segment once though acknowledgements are lost and the vault is down at times', async () => {
    const spool = makeSpool();
    const tape = new JournalBuilder(spool.journalDir);
    vault.mood = (call) => (['ack_lost', 'down', 'ack'] as const)[call % 3]!;
    talk(tape, 1, 60);
    tape.close(1);
    tape.end();
    const worker = new InProcess(planOf(spool));
    expect(await worker.stop(20_000)).toBe(0);
    const segments = vault.kept.get(builtReel.reel)!.length;
    expect(segments).toBeGreaterThan(5);
    expect(vault.calls).toBeGreaterThan(segments);
    expect((await vault.verdict(builtReel.reel)).verdict).toBe('complete');
    expect(worker.thread.stats().segmentsAcked).toBe(segments);
  });

  it('leaves in the outbox what the vault did not take, for the next start', async () => {
    const spool = makeSpool();
    vault.mood = () => 'down';
    const tape = new JournalBuilder(spool.journalDir);
    talk(tape, 1, 30);
    tape.close(1);
    tape.end();
    const unsent = await new InProcess(planOf(spool)).stop(500);
    expect(unsent).toBeGreaterThan(2);
    expect(readdirSync(spool.journalDir)).toEqual([]);
    vault.mood = () => 'ack';
    const next = { ...planOf(spool), reel: deadReel.reel };
    const tape2 = new JournalBuilder(spool.journalDir, { reel: deadReel });
    tape2.end();
    expect(await new InProcess(next).stop(5000)).toBe(0);
    expect((await vault.verdict(builtReel.reel)).verdict).toBe('complete');
    expect(readdirSync(spool.outboxDir)).toEqual([]);
  });

  it('goes on with the living reel while a dead one cannot be put into the outbox', async () => {
    const spool = makeSpool();
    const dead = new JournalBuilder(spool.journalDir, { reel: deadReel });
    talk(dead, 1, 30);
    dead.dispose();
    let isFull = true;
    const disk: SpoolDisk = {
      ...quickDisk,
      open: (path, mode) => {
        if (isFull && mode === 'write' && path.includes(join('outbox', deadReel.reel))) {
          throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'open' });
        }
        return quickDisk.open(path, mode);
      },
    };
    const tape = new JournalBuilder(spool.journalDir);
    const worker = new InProcess(planOf(spool), disk);
    talk(tape, 1, 30);
    await until(() => vault.records(builtReel.reel).length >= 20, 'the living reel');
    expect(worker.messages).toContainEqual({ kind: 'started', recoveredReels: [deadReel.reel] });
    expect(worker.thread.stats().lastSendError).toBe('outbox: no space left');
    isFull = false;
    await until(() => !existsSync(join(spool.journalDir, deadReel.reel)), 'the dead reel');
    tape.close(1);
    tape.end();
    expect(await worker.stop(5000)).toBe(0);
    expect((await vault.verdict(deadReel.reel)).verdict).toBe('crashed');
    expect((await vault.verdict(builtReel.reel)).verdict).toBe('complete');
  });

  it('seals a gap for a journal that nobody can take up, and keeps it', async () => {
    const spool = makeSpool();
    const dead = new JournalBuilder(spool.journalDir, { reel: deadReel, fileBytesMax: 1500 });
    talk(dead, 1, 60);
    dead.dispose();
    runPipeline(spool, { reel: deadReel.reel, segment: { records: 5 } });
    expect(journalFiles(dead.dir)[0]).not.toBe('00000001.journal');
    writeFileSync(join(dead.dir, 'snapshot.json'), '{');
    rmSync(join(dead.dir, 'snapshot.previous.json'));
    const tape = new JournalBuilder(spool.journalDir);
    tape.end();
    const worker = new InProcess(planOf(spool));
    expect(await worker.stop(5000)).toBe(0);
    const { verdict, findings } = await vault.verdict(deadReel.reel);
    expect(verdict).toBe('crashed');
    expect(findings.map(({ reason }) => reason)).toContain('journal_damaged');
    expect(readdirSync(spool.journalDir)).toEqual([`${deadReel.reel}.damaged`]);
  });
});
