/**
 * `make bench`: what recording costs, against pgbouncer in the same interleaved run on the same server.
 * Prints transactions per second and CPU microseconds per transaction: of the proxy process, and of the recorder's threads apart
 * (relay, evidence worker, and the rest: V8's and libuv's helpers). Numbers of a shared machine: trust the ratios, which are
 * taken round by round against pgbouncer's turn of the same round.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { decodeJournalDirectory } from '@pgtape/recorder';
import { freePort } from '@pgtape/testkit';
import { handshakes } from './handshakes.ts';
import { type Cpu, cpuOf, median, noCpu } from './processCpu.ts';
import { type Stack, startStack } from './stack.ts';
import { verifyCost } from './verifyBench.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '8' },
    mode: { type: 'string', default: 'prepared' },
    rate: { type: 'string', default: '12000' },
    handshakes: { type: 'boolean', default: false },
    verify: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface Target {
  readonly name: string;
  readonly port: number;
  /** Process whose CPU is the proxy's; null for none. */
  readonly pid: number | null;
}

interface Sample {
  readonly tps: number;
  /** Per transaction. */
  readonly cpu: Cpu;
}

async function startPgbouncer(
  stack: Stack,
): Promise<{ process: ChildProcess; port: number; dir: string } | null> {
  if (spawnSync('pgbouncer', ['--version']).error !== undefined) return null;
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-bouncer-'));
  chmodSync(dir, 0o755);
  const port = await freePort();
  const { postgres } = stack;
  writeFileSync(
    join(dir, 'pgbouncer.ini'),
    `[databases]\npostgres = host=127.0.0.1 port=${postgres.port} user=postgres password=${postgres.password}\n` +
      `[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = any\npool_mode = session\n` +
      'max_client_conn = 200\ndefault_pool_size = 100\nlog_connections = 0\nlog_disconnections = 0\n',
  );
  const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn('pgbouncer', ['-q', join(dir, 'pgbouncer.ini')], { stdio: 'ignore', ...identity });
  for (let waited = 0; waited < 5000; waited += 50) {
    const open = await new Promise<boolean>((done) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      socket.once('connect', () => done(socket.destroy() !== undefined));
      socket.once('error', () => done(false));
    });
    if (open) return { process: child, port, dir };
    await sleep(50);
  }
  throw new Error('pgbouncer did not start');
}

function pgbench(stack: Stack, port: number, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'pgbench',
      [...args, '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', 'postgres'],
      {
        env: { ...process.env, PGPASSWORD: stack.postgres.password, PGSSLMODE: 'disable' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`pgbench: ${errors}`))));
  });
}

/** `rate`: transactions per second; 0: as many as go. */
async function sample(stack: Stack, target: Target, rate = 0): Promise<Sample> {
  const before = target.pid === null ? noCpu : cpuOf(target.pid);
  const output = await pgbench(stack, target.port, [
    '-n',
    '-S',
    '-M',
    String(flags.mode),
    '-c',
    String(flags.clients),
    '-j',
    '1',
    '-T',
    String(flags.seconds),
    ...(rate === 0 ? [] : ['-R', String(rate)]),
  ]);
  // The tail of the run is decoded, sealed and sent after the last answer: that cost belongs to the run.
  if (target.name === 'recorder') await sleep(2500);
  const after = target.pid === null ? noCpu : cpuOf(target.pid);
  const transactions = Number(/transactions actually processed: (\d+)/.exec(output)?.[1]);
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  const perTransaction = (part: keyof Cpu): number => (after[part] - before[part]) / transactions;
  const cpu = { all: perTransaction('all'), main: perTransaction('main'), worker: perTransaction('worker') };
  return { tps, cpu };
}

const heads = ['', 'tps', 'CPU us/tx', 'relay us/tx', 'evidence us/tx', 'rest us/tx'];

function table(samples: ReadonlyMap<string, readonly Sample[]>): string {
  const lines = [heads];
  for (const [name, taken] of samples) {
    const of = (read: (sample: Sample) => number): number => median(taken.map(read));
    const cells = [name, of(({ tps }) => tps).toFixed(0)];
    if (name === 'direct') cells.push('-', '-', '-', '-');
    else cells.push(of(({ cpu }) => cpu.all).toFixed(1));
    if (name === 'recorder') {
      cells.push(
        of(({ cpu }) => cpu.main).toFixed(1),
        of(({ cpu }) => cpu.worker).toFixed(1),
        of(({ cpu }) => cpu.all - cpu.main - cpu.worker).toFixed(1),
      );
    }
    lines.push(cells);
  }
  return lines.map((cells) => cells.map((cell, at) => cell.padStart(at === 0 ? 10 : 16)).join('')).join('\n');
}

/** Of the relay thread to pgbouncer, round by round. */
function ratios(samples: ReadonlyMap<string, readonly Sample[]>): string {
  const bouncer = samples.get('pgbouncer');
  if (bouncer === undefined) return 'pgbouncer is not installed: no ratio';
  const recorder = samples.get('recorder') ?? [];
  const each = recorder.map(({ cpu }, round) => cpu.main / (bouncer[round] as Sample).cpu.all);
  const all = each.map((ratio) => ratio.toFixed(2)).join(' ');
  return `relay thread: ${median(each).toFixed(2)} x pgbouncer's CPU per transaction (median of ${all})`;
}

/** What the recorder says of its evidence worker since it started. */
async function workerCounts(stack: Stack): Promise<{ cpuUs: number; statements: number }> {
  const text = await (await fetch(`http://127.0.0.1:${stack.ports.health}/metrics`)).text();
  const metric = (name: string): number => {
    const value = new RegExp(`^pgtape_recorder_${name} ([\\d.e+-]+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`the recorder has no metric pgtape_recorder_${name}`);
    return Number(value);
  };
  return { cpuUs: metric('worker_cpu_seconds_total') * 1e6, statements: metric('statements_total') };
}

/** Statements of the run whose journal is kept: it has to fit the journal's first file, later ones are trimmed. */
const keptStatements = 40_000;
const decodeRuns = 7;

/** Journals a short run and keeps a copy of the reel: what the evidence thread costs apart from waiting, disks and sockets. */
async function keepJournal(stack: Stack): Promise<string> {
  const perClient = Math.floor(keptStatements / Number(flags.clients));
  const load = ['-n', '-S', '-M', String(flags.mode), '-c', String(flags.clients), '-t', String(perClient)];
  await pgbench(stack, stack.ports.recorder, load);
  const files = readdirSync(stack.journalDir, { recursive: true, encoding: 'utf8' });
  const first = files.find((name) => name.endsWith('/00000001.journal'));
  if (first === undefined) throw new Error(`no first file of a journal in ${stack.journalDir}`);
  const kept = mkdtempSync(join(tmpdir(), 'pgtape-kept-'));
  const reelDir = join(kept, basename(dirname(first)));
  cpSync(join(stack.journalDir, dirname(first)), reelDir, { recursive: true });
  return reelDir;
}

/** The kept journal decoded again and again on this thread, from frames to sealed, compressed OTLP: once cold, then hot. */
function pipelineCost(reelDir: string): string {
  const runs = Array.from({ length: decodeRuns }, () => decodeJournalDirectory(reelDir));
  const costs = runs.map(({ cpuUs, statements }) => cpuUs / statements);
  const [first = 0, ...hot] = costs;
  const { statements = 0 } = runs[0] ?? {};
  return (
    `frames to compressed OTLP, the pipeline alone: ${median(hot).toFixed(2)} us of CPU per statement ` +
    `(median of ${hot.map((us) => us.toFixed(1)).join(' ')}; cold ${first.toFixed(1)}; ${statements} statements)`
  );
}

/** Interleaved, so that what slows the machine down slows all of them. */
async function rounded(
  stack: Stack,
  targets: readonly Target[],
  rounds: number,
  rate: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  const pace = rate === 0 ? '' : ` at ${rate} tps`;
  for (let round = 0; round < rounds; round += 1) {
    for (const target of targets) {
      process.stderr.write(`\rround ${round + 1} of ${rounds}${pace}: ${target.name}          `);
      samples.set(target.name, [...(samples.get(target.name) ?? []), await sample(stack, target, rate)]);
    }
  }
  process.stderr.write('\r\u001b[K');
  return samples;
}

/**
 * The same load for all. Where everyone runs as fast as he can, who is faster also wakes others less often: at
 * 44,000 tps pgbouncer's answers find pgbench awake, at 26,000 the recorder's do not, and a wakeup is the dearest
 * part of a write.
 */
async function paced(stack: Stack, targets: readonly Target[], rounds: number): Promise<string> {
  const rate = Number(flags.rate);
  if (rate === 0) return '';
  const samples = await rounded(stack, targets, rounds, rate);
  return `the same at ${rate} transactions per second for each\n${table(samples)}\n${ratios(samples)}\n`;
}

async function main(): Promise<void> {
  if (flags.help) {
    process.stdout.write(
      'make bench ARGS="--rounds 5 --seconds 10 --clients 8 --mode simple|extended|prepared --rate 12000"\n' +
        '--handshakes: only what a connection costs, in plaintext and in TLS\n' +
        '--verify ARCHIVE: only how fast its evidence is checked, in CPU time\n' +
        '--rate: transactions per second of the second part, the same for all; 0 leaves it out\n',
    );
    return;
  }
  if (flags.verify !== undefined) {
    process.stdout.write(await verifyCost(flags.verify));
    return;
  }
  if (flags.handshakes) {
    process.stdout.write(await handshakes(Number(flags.rounds)));
    return;
  }
  const stack = await startStack({ segmentSeconds: 2, settings: { fsync: 'off', shared_buffers: '256MB' } });
  const bouncer = await startPgbouncer(stack);
  try {
    await pgbench(stack, stack.postgres.port, ['-i', '-q', '-s', '10']);
    const targets: Target[] = [
      { name: 'direct', port: stack.postgres.port, pid: null },
      ...(bouncer === null
        ? []
        : [{ name: 'pgbouncer', port: bouncer.port, pid: bouncer.process.pid as number }]),
      { name: 'recorder', port: stack.ports.recorder, pid: stack.recorder.pid },
    ];
    const rounds = Number(flags.rounds);
    const reelDir = await keepJournal(stack);
    for (const target of targets) await sample(stack, target);
    const warm = await workerCounts(stack);
    const samples = await rounded(stack, targets, rounds, 0);
    const end = await workerCounts(stack);
    const statements = end.statements - warm.statements;
    process.stdout.write(
      `pgbench -S -M ${flags.mode} -c ${flags.clients}, ${rounds} interleaved rounds of ${flags.seconds} s, TCP on both legs\n` +
        `${table(samples)}\n${ratios(samples)}\n` +
        `evidence thread: ${((end.cpuUs - warm.cpuUs) / statements).toFixed(2)} us of CPU per statement over ${statements} statements, ` +
        `reading behind the writer, outbox, snapshots and sending included\n${pipelineCost(reelDir)}\n`,
    );
    process.stdout.write(await paced(stack, targets, rounds));
    await stack.settle();
    process.stdout.write(await verifyCost(stack.archiveDir));
    rmSync(dirname(reelDir), { recursive: true, force: true });
  } finally {
    bouncer?.process.kill('SIGTERM');
    if (bouncer !== null) rmSync(bouncer.dir, { recursive: true, force: true });
    await stack.stop();
  }
  process.stdout.write(await handshakes(Number(flags.rounds)));
}

await main();
