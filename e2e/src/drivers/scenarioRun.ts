/** Runs a built scenario against one address and keeps its transcript. */
import { spawn } from 'node:child_process';
import { setTimeout as later } from 'node:timers';
import type { Driver } from './driver.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Authority of the server's certificate; absent: no TLS. */
  readonly caFile?: string;
  /** Demand that SCRAM is bound to the channel. */
  readonly channelBinding?: boolean;
}

export interface Transcript {
  /** Lines of JSON, as the driver printed them. */
  readonly lines: readonly string[];
  readonly steps: ReadonlySet<string>;
}

const scenarioTimeoutMs = 180_000;

function environment(target: Target): NodeJS.ProcessEnv {
  const { PATH, HOME, JAVA_HOME } = process.env;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(JAVA_HOME === undefined ? {} : { JAVA_HOME }),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSWORD: target.password,
    PGDATABASE: target.database,
    PGSSLMODE: target.caFile === undefined ? 'disable' : 'verify-full',
    ...(target.caFile === undefined ? {} : { PGSSLROOTCERT: target.caFile }),
    PGCHANNELBINDING: target.channelBinding === true ? 'require' : 'disable',
  };
}

/**
 * @throws Error with what the scenario printed last, when it fails, hangs or prints anything but JSON lines
 */
export async function runScenario(
  driver: Driver,
  dir: string,
  target: Target,
  signal: AbortSignal,
): Promise<Transcript> {
  signal.throwIfAborted();
  const [program, ...args] = driver.command.map((word) => word.replace('{node}', process.execPath)) as [
    string,
    ...string[],
  ];
  const child = spawn(program, args, {
    cwd: dir,
    env: environment(target),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => out.push(piece));
  child.stderr.on('data', (piece: Buffer) => err.push(piece));
  const timer = later(() => child.kill('SIGKILL'), scenarioTimeoutMs);
  const code = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(String(status ?? signal)));
  });
  clearTimeout(timer);
  const lines = Buffer.concat(out).toString('utf8').split('\n').slice(0, -1);
  if (code !== '0') {
    const last = [...lines.slice(-3), Buffer.concat(err).toString('utf8').slice(-4000)].join('\n');
    throw new Error(`${driver.name} ended with ${code}; it printed last:\n${last}`);
  }
  const steps = lines.map((line) => String((JSON.parse(line) as { readonly step: unknown }).step));
  return { lines, steps: new Set(steps) };
}

/** First line in which two transcripts differ; null when they are identical. */
export function firstDifference(direct: Transcript, recorded: Transcript): string | null {
  const length = Math.max(direct.lines.length, recorded.lines.length);
  for (let index = 0; index < length; index += 1) {
    const [one, other] = [direct.lines[index], recorded.lines[index]];
    if (one !== other) return `line ${index + 1}: direct ${one ?? 'ended'}, recorded ${other ?? 'ended'}`;
  }
  return null;
}
