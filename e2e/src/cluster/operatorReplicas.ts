/** Replicas of `pgtape operator` as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';

export const main = join(import.meta.dirname, '../../../packages/cli/dist/main.js');

export interface OperatorReplica {
  readonly name: string;
  readonly webhookPort: number;
  readonly healthUrl: string;
  readonly isRunning: boolean;
  readonly pid: number;
  log(): string;
  /** One that it goes on after. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Resolves with the exit code, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

export interface ReplicaOptions {
  readonly dir: string;
  readonly name: string;
  readonly kubeconfig: string;
  readonly servicePort: number;
  /** Of the configuration, instead of what is written here. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Beside `--config`. */
  readonly args?: readonly string[];
}

/** Starts one; it has read its configuration and takes part when this resolves. */
export async function startReplica({
  dir,
  name,
  kubeconfig,
  servicePort,
  more = {},
  args = [],
}: ReplicaOptions): Promise<OperatorReplica> {
  const webhookPort = await freePort();
  const file = join(dir, `${name}.yaml`);
  const caFile = join(dir, 'vault-ca.crt');
  writeFileSync(caFile, 'authority of the vault\n');
  const config = {
    namespace: 'pgtape-system',
    identity: name,
    image: `registry.example/pgtape@sha256:${'0'.repeat(64)}`,
    ownerClusterRole: 'pgtape-controller',
    serviceAccounts: ['pgtape-controller'],
    kubernetes: { kubeconfig },
    vault: {
      url: 'https://vault.pgtape-system.svc:4317',
      archive: 'audit',
      caFile,
      logSecret: 'pgtape-vault-log',
    },
    webhook: {
      host: '127.0.0.1',
      port: webhookPort,
      url: `https://127.0.0.1:${servicePort}`,
      drainSeconds: 2,
    },
    lease: { name: 'pgtape-controller', durationSeconds: 4, renewSeconds: 3, retrySeconds: 1 },
    health: { host: '127.0.0.1', port: 0 },
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [main, 'operator', '--config', file, ...args], {
    stdio: ['ignore', log, log, 'ipc'],
    // Nothing of the test runner's own, like NODE_OPTIONS.
    env: { PATH: process.env.PATH },
  });
  closeSync(log);
  const text = (): string => readFileSync(logFile, 'utf8');
  const healthPort = await readyPort(child).catch((error: Error) => {
    throw new Error(`${error.message}:\n${text()}`);
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return {
    name,
    webhookPort,
    healthUrl: `http://127.0.0.1:${healthPort}`,
    get isRunning() {
      return child.exitCode === null && child.signalCode === null;
    },
    pid: child.pid ?? 0,
    log: text,
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      child.kill(signal);
      return await ended;
    },
  };
}

function readyPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the operator ended with ${code}`)));
    child.once('message', (message: { detail: { health: number } }) => resolve(message.detail.health));
  });
}

/** The last lines of each. */
export function replicaLogs(replicas: Iterable<OperatorReplica>): string {
  return [...replicas]
    .map(({ name, log }) => `${name}: ${log().split('\n').slice(-12).join('\n')}`)
    .join('\n');
}
