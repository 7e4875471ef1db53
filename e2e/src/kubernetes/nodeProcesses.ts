/** The processes of a test node: started inside its namespaces, by name, and found again by whoever knows the node's place. */
import { type ExecFileOptions, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childOf, onlyChild } from './enclosure.ts';
import { holderOf, type Mark, markOf, type NodePlace } from './nodePlace.ts';

interface Started {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** nsenter, which waits for the process itself. */
  readonly outer: number;
  readonly process: Mark;
}

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command to its end, however it ends. */
export async function ran(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
  input?: string,
): Promise<Ran> {
  return await new Promise((resolve) => {
    const whole = { ...options, encoding: 'utf8' as const, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(file, args, whole, (error, out, err) =>
      resolve({ status: error === null ? 0 : Number(error.code), out, err }),
    );
    child.stdin?.end(input);
  });
}

type Environment = Readonly<Record<string, string>>;

export class NodeProcesses {
  readonly #place: NodePlace;
  readonly #into: readonly string[];
  readonly #network: readonly string[];

  constructor(place: NodePlace) {
    this.#place = place;
    const target = ['--target', String(holderOf(place)), '--net'];
    this.#into = [...target, '--mount', '--uts', '--ipc', '--pid', '--'];
    this.#network = [...target, '--'];
  }

  async start(name: string, command: readonly string[], env: Environment = {}): Promise<void> {
    const log = openSync(this.logFile(name), 'a');
    const outer = spawn('nsenter', [...this.#into, ...command], {
      stdio: ['ignore', log, log],
      // Not of the run's own group, which a signal may be sent to: the node is ended as a whole.
      detached: true,
      env: { PATH: process.env.PATH, ...env },
    });
    closeSync(log);
    outer.unref();
    const inner = await childOf(outer.pid as number);
    const mark = markOf(inner);
    if (mark === null) throw new Error(`${name} ended at once: ${this.logEnd(name)}`);
    const all = { ...this.#all(), [name]: { command, env, outer: outer.pid, process: mark } };
    writeFileSync(this.#file, JSON.stringify(all));
  }

  isRunning(name: string): boolean {
    const mark = this.#all()[name]?.process;
    return mark !== undefined && markOf(mark.pid)?.started === mark.started;
  }

  /** Resolves when it is gone. */
  async end(name: string, signal: NodeJS.Signals): Promise<void> {
    const started = this.#all()[name];
    if (started === undefined || !this.isRunning(name)) return;
    process.kill(onlyChild(started.outer) ?? started.process.pid, signal);
    for (let waited = 0; this.isRunning(name); waited += 20) {
      if (waited > 20_000) throw new Error(`${name} does not end on ${signal}`);
      await sleep(20);
    }
  }

  /** Ends it and starts it as it was started. */
  async restart(name: string, signal: NodeJS.Signals): Promise<void> {
    const started = this.#all()[name];
    if (started === undefined) throw new Error(`the node runs no ${name}`);
    await this.end(name, signal);
    await this.start(name, started.command, started.env);
  }

  /** Runs a command of this machine in the node's network alone, however it ends. */
  async inNetwork(
    command: readonly string[],
    { env = {}, input, cwd }: { env?: Environment; input?: string; cwd?: string } = {},
  ): Promise<Ran> {
    return await ran(
      'nsenter',
      [...this.#network, ...command],
      { env: { ...process.env, ...env }, cwd },
      input,
    );
  }

  /** Runs a command inside the node to its end, however it ends. */
  async inNode(command: readonly string[], input?: string): Promise<Ran> {
    return await ran('nsenter', [...this.#into, ...command], {}, input);
  }

  /** Arguments of nsenter that lead into the node's network, for a process that the caller starts and ends. */
  get network(): readonly string[] {
    return this.#network;
  }

  logFile(name: string): string {
    return join(this.#place.dir, 'logs', `${name}.log`);
  }

  logEnd(name: string): string {
    const file = this.logFile(name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-25).join('\n') : '';
  }

  get #file(): string {
    return join(this.#place.dir, 'processes.json');
  }

  #all(): Readonly<Record<string, Started>> {
    return existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, Started>)
      : {};
  }
}
