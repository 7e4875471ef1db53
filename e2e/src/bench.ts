/**
 * `make bench`: what recording costs, against pgbouncer in the same interleaved run on the same server.
 * Prints transactions per second, CPU microseconds per transaction of the proxy process, and of the recorder's relay
 * thread and other threads apart. Numbers of a shared machine: trust the ratios.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '@pgtape/testkit';
import { type Stack, startStack } from './stack.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '8' },
    mode: { type: 'string', default: 'prepared' },
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
  readonly transactions: number;
  readonly cpuUs: number;
  /** CPU of the process's first thread: the recorder's relay. */
  readonly mainUs: number;
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** utime + stime of proc(5) `stat`, microseconds. */
function cpuUsOf(file: string): number {
  const text = readFileSync(file, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** schedstat counts nanoseconds on the CPU per thread: finer than the clock ticks of `stat`. */
function threadUs(pid: number, thread: string): number {
  try {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ns) / 1000;
  } catch {
    return cpuUsOf(`/proc/${pid}/task/${thread}/stat`);
  }
}

function cpuOf(pid: number): { all: number; main: number } {
  const threads = readdirSync(`/proc/${pid}/task`);
  const all = threads.reduce((sum, thread) => sum + threadUs(pid, thread), 0);
  return { all, main: threadUs(pid, String(pid)) };
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

async function sample(stack: Stack, target: Target): Promise<Sample> {
  const before = target.pid === null ? { all: 0, main: 0 } : cpuOf(target.pid);
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
  ]);
  // The tail of the run is decoded, sealed and sent after the last answer: that cost belongs to the run.
  if (target.name === 'recorder') await sleep(2500);
  const after = target.pid === null ? { all: 0, main: 0 } : cpuOf(target.pid);
  const transactions = Number(/transactions actually processed: (\d+)/.exec(output)?.[1]);
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  return { tps, transactions, cpuUs: after.all - before.all, mainUs: after.main - before.main };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

interface Row {
  readonly name: string;
  readonly tps: number;
  readonly cpu: number;
  readonly main: number;
}

function rowOf(name: string, samples: readonly Sample[]): Row {
  return {
    name,
    tps: median(samples.map(({ tps }) => tps)),
    cpu: median(samples.map(({ cpuUs, transactions }) => cpuUs / transactions)),
    main: median(samples.map(({ mainUs, transactions }) => mainUs / transactions)),
  };
}

function print(rows: readonly Row[]): void {
  const bouncer = rows.find(({ name }) => name === 'pgbouncer');
  const ratio = (value: number): string =>
    bouncer === undefined || value === 0 ? '' : `${(value / bouncer.cpu).toFixed(2)} x pgbouncer`;
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => cell.padStart(at === 0 ? 10 : 16)).join('');
  const texts = [line(['', 'tps', 'CPU us/tx', 'relay us/tx', 'relay ratio', 'rest us/tx'])];
  for (const { name, tps, cpu, main } of rows) {
    const isRecorder = name === 'recorder';
    texts.push(
      line([
        name,
        tps.toFixed(0),
        cpu === 0 ? '-' : cpu.toFixed(1),
        isRecorder ? main.toFixed(1) : '-',
        isRecorder ? ratio(main) : '',
        isRecorder ? (cpu - main).toFixed(1) : '-',
      ]),
    );
  }
  process.stdout.write(`${texts.join('\n')}\n`);
}

async function main(): Promise<void> {
  if (flags.help) {
    process.stdout.write(
      'make bench ARGS="--rounds 5 --seconds 10 --clients 8 --mode simple|extended|prepared"\n',
    );
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
    const samples = new Map<string, Sample[]>();
    const rounds = Number(flags.rounds);
    for (const target of targets) await sample(stack, target);
    for (let round = 0; round < rounds; round += 1) {
      for (const target of targets) {
        process.stderr.write(`\rround ${round + 1} of ${rounds}: ${target.name}          `);
        samples.set(target.name, [...(samples.get(target.name) ?? []), await sample(stack, target)]);
      }
    }
    process.stderr.write('\r\u001b[K');
    process.stdout.write(
      `pgbench -S -M ${flags.mode} -c ${flags.clients}, ${rounds} interleaved rounds of ${flags.seconds} s, TCP on both legs\n`,
    );
    print(targets.map(({ name }) => rowOf(name, samples.get(name) ?? [])));
    if (bouncer === null) process.stdout.write('pgbouncer is not installed: no ratio\n');
    const metrics = await (await fetch(`http://127.0.0.1:${stack.ports.health}/metrics`)).text();
    const metric = (name: string): number =>
      Number(new RegExp(`^${name}(?:{[^}]*})? ([\\d.e+-]+)$`, 'm').exec(metrics)?.[1] ?? 'NaN');
    const cpuUs = metric('pgtape_worker_cpu_microseconds_total');
    const statements = metric('pgtape_worker_statements_total');
    process.stdout.write(
      `decode thread: ${(cpuUs / statements).toFixed(2)} us of CPU per statement over ${statements} statements, frames to compressed OTLP\n`,
    );
  } finally {
    bouncer?.process.kill('SIGTERM');
    if (bouncer !== null) rmSync(bouncer.dir, { recursive: true, force: true });
    await stack.stop();
  }
}

await main();
