/** Owns a port of this machine that leads to a pod: a `kubectl port-forward` of the person's own, ended with the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { CommandError, exitCode } from '../exitCode.ts';
import { printable } from '../paint.ts';

export interface Forward {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Resolves when it has ended. */
  close(): Promise<void>;
}

export interface ForwardPlan {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** What names the cluster to kubectl. */
  readonly kubectlFlags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stop: AbortSignal;
}

const patienceMs = 20_000;
const saidBytesMax = 16 * 1024;

/** Pure: the port in `Forwarding from 127.0.0.1:40213 -> 7417`; null: it is not said yet. */
export function forwardedPort(said: string): number | null {
  const match = /^Forwarding from 127\.0\.0\.1:(\d+) -> /m.exec(said);
  return match === null ? null : Number(match[1]);
}

export function forwardArguments({ namespace, pod, port, kubectlFlags }: ForwardPlan): string[] {
  const where = ['-n', namespace, ...kubectlFlags];
  return ['port-forward', '--address', '127.0.0.1', ...where, `pod/${pod}`, `:${port}`];
}

/** @throws CommandError `NO_KUBECTL`, `PORT_FORWARD` */
export async function forwardTo(plan: ForwardPlan): Promise<Forward> {
  const child = spawn('kubectl', forwardArguments(plan), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plan.env,
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const end = (): void => {
    child.kill('SIGTERM');
  };
  // A second Ctrl-C ends this process at once; the child must not stay.
  process.once('exit', end);
  const close = async (): Promise<void> => {
    process.off('exit', end);
    end();
    await ended;
  };
  try {
    return { port: await opened(child, plan.stop), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The port, once it is open. */
function opened(child: ChildProcess, stop: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    let complained = '';
    const late = setTimeout(() => reject(refused(`it said nothing for ${patienceMs / 1000} s`)), patienceMs);
    const onStop = (): void => reject(refused('stopped'));
    stop.addEventListener('abort', onStop, { once: true });
    child.stdout?.on('data', (chunk: Buffer) => {
      if (said.length < saidBytesMax) said += chunk.toString('utf8');
      const port = forwardedPort(said);
      if (port === null) return;
      clearTimeout(late);
      stop.removeEventListener('abort', onStop);
      resolve(port);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (complained.length < saidBytesMax) complained += chunk.toString('utf8');
    });
    child.once('error', (error) => {
      clearTimeout(late);
      reject(noKubectl(error));
    });
    child.once('close', (code) => {
      clearTimeout(late);
      reject(refused(complained.trim() === '' ? `it ended with ${code}` : complained.trim()));
    });
  });
}

function noKubectl(cause: Error): CommandError {
  return new CommandError('NO_KUBECTL', `kubectl cannot be run (${(cause as NodeJS.ErrnoException).code})`, {
    exit: exitCode.environment,
    advice:
      'It leads to the vault of the cluster: put it into the PATH, or name a vault that is reached otherwise: --vault URL.',
    cause,
  });
}

function refused(why: string): CommandError {
  return new CommandError('PORT_FORWARD', `no way to the vault: ${printable(why.slice(0, 500))}`, {
    exit: exitCode.environment,
    advice:
      'You need the verb create on pods/portforward of the vault; whoever runs pgtape can bind you to its reader Role.',
  });
}
