/** An `Io` that remembers what was said, for commands run inside a test. */
import type { Io, Output } from './io.ts';
import type { Press } from './keyboard.ts';
import { runProgram } from './program.ts';

export interface FakeIoOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Columns of a terminal; absent: a pipe. */
  readonly columns?: number;
  readonly presses?: readonly Press[];
  readonly now?: () => number;
}

export class FakeOutput implements Output {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;
  /** Called with each chunk; false: the reader is slow until `release`. */
  onWrite: (chunk: string) => boolean = () => true;
  #waiting: (() => void)[] = [];

  constructor(columns?: number) {
    this.isTTY = columns !== undefined;
    this.columns = columns ?? 80;
  }

  write(chunk: string | Uint8Array): boolean {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    this.text += text;
    return this.onWrite(text);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export class FakeIo implements Io {
  readonly out: FakeOutput;
  readonly err: FakeOutput;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly controller = new AbortController();
  readonly stop: AbortSignal = this.controller.signal;
  code = 0;
  readonly #presses: Press[];
  readonly #now: () => number;

  constructor(options: FakeIoOptions = {}) {
    this.out = new FakeOutput(options.columns);
    this.err = new FakeOutput(options.columns);
    this.env = options.env ?? {};
    this.cwd = options.cwd ?? '/nowhere';
    this.#presses = [...(options.presses ?? [])];
    this.#now = options.now ?? (() => 0);
  }

  onHangup(): void {}

  press(): Promise<Press> {
    return Promise.resolve(this.#presses.shift() ?? 'end');
  }

  now(): number {
    return this.#now();
  }

  exit(code: number): void {
    this.code = Math.max(this.code, code);
  }
}

/** Runs one command line in this process. */
export async function runFake(args: readonly string[], options: FakeIoOptions = {}): Promise<FakeIo> {
  const io = new FakeIo(options);
  await runProgram(args, io);
  return io;
}
