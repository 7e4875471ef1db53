/** For `make bench`: what a connection costs, in plaintext and in TLS on both legs, directly and through a recorder. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeIdentity, recorderTls } from './identity.ts';
import { pgbench } from './probes.ts';
import { cpuOf, median, noCpu } from './processCpu.ts';
import { type Stack, startStack } from './stack.ts';

interface Way {
  readonly name: string;
  readonly port: number;
  readonly password: string;
  readonly sslmode: 'disable' | 'require';
  /** Whose CPU is counted; null: nobody's. */
  readonly pid: number | null;
}

interface Connected {
  readonly perSecond: number;
  readonly cpuUs: number;
}

const clients = 2;
const connectionsPerClient = 100;

/** Connections one after the other, each with SCRAM, one query and its end. */
async function connections({ port, password, sslmode, pid }: Way): Promise<Connected> {
  const before = pid === null ? noCpu : cpuOf(pid);
  const began = performance.now();
  const args = ['-n', '-C', '-S', '-c', `${clients}`, '-t', `${connectionsPerClient}`];
  const child = spawn(
    'pgbench',
    [...args, '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', 'postgres'],
    {
      env: { ...process.env, PGPASSWORD: password, PGSSLMODE: sslmode, PGGSSENCMODE: 'disable' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`pgbench -C ended with ${code}`);
  const seconds = (performance.now() - began) / 1000;
  const after = pid === null ? noCpu : cpuOf(pid);
  const count = clients * connectionsPerClient;
  return { perSecond: count / seconds, cpuUs: (after.main - before.main) / count };
}

function waysOf(stack: Stack, kind: string, sslmode: Way['sslmode']): Way[] {
  const { password, port } = stack.postgres;
  const pid = stack.recorder.pid;
  return [
    { name: `direct, ${kind}`, port, password, sslmode, pid: null },
    { name: `recorder, ${kind}`, port: stack.ports.recorder, password, sslmode, pid },
  ];
}

/** A table, round by round interleaved, as text. */
export async function handshakes(rounds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-handshakes-'));
  const identity = makeIdentity(dir);
  const stacks: Stack[] = [];
  try {
    stacks.push(await startStack({ segmentSeconds: 2 }));
    stacks.push(await startStack({ segmentSeconds: 2, tls: identity, recorder: recorderTls(identity) }));
    for (const stack of stacks) pgbench(stack, stack.postgres.port, ['-i', '-q']);
    const [plain, secured] = stacks as [Stack, Stack];
    const ways = [
      ...waysOf(plain, 'plaintext', 'disable'),
      ...waysOf(secured, 'TLS on every leg', 'require'),
    ];
    const taken = new Map<string, Connected[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const way of ways) taken.set(way.name, [...(taken.get(way.name) ?? []), await connections(way)]);
    }
    const lines = [...taken].map(([name, list]) => {
      const cpu = median(list.map(({ cpuUs }) => cpuUs));
      const told = cpu === 0 ? '' : `, ${cpu.toFixed(0)} us of the relay thread each`;
      return `  ${name}: ${median(list.map(({ perSecond }) => perSecond)).toFixed(0)} connections per second${told}`;
    });
    return `pgbench -C -S -c ${clients}: connections with SCRAM, one query each\n${lines.join('\n')}\n`;
  } finally {
    for (const stack of stacks) await stack.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
