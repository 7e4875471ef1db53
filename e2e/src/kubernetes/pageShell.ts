/** A page of the documentation, executed: its `sh` blocks, in order, in one shell. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface PageBlock {
  /** The heading above it. */
  readonly heading: string;
  readonly script: string;
}

/** The ```sh blocks of a page of Markdown. */
export function shellBlocks(markdown: string): PageBlock[] {
  const blocks: PageBlock[] = [];
  let heading = '';
  let open: string[] | null = null;
  let isShell = false;
  for (const line of markdown.split('\n')) {
    const fence = /^```(\S*)$/.exec(line);
    if (fence === null) {
      const title = open === null ? /^#+ (.*)$/.exec(line)?.[1] : undefined;
      if (title !== undefined) heading = title;
      open?.push(line);
    } else if (open === null) {
      open = [];
      isShell = fence[1] === 'sh';
    } else {
      if (isShell) blocks.push({ heading, script: open.join('\n') });
      open = null;
    }
  }
  return blocks;
}

export interface ShellPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Words before `sh`, as nsenter's. */
  readonly through: readonly string[];
}

/** `sh -eu` that is given one block after the other, as somebody would paste them. */
export class PageShell {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #said = '';
  #blocks = 0;

  constructor({ cwd, env, through }: ShellPlace) {
    const [program, ...args] = [...through, 'sh', '-eu'] as unknown as [string, ...string[]];
    // A group of its own, so that what a block left behind in the background ends with it.
    this.#child = spawn(program, args, { cwd, env: { ...env }, stdio: 'pipe', detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString('utf8');
      });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  /** What it said, standard error too. @throws Error with that when the shell ended, or after `ms` */
  async run({ script }: PageBlock, ms: number): Promise<string> {
    this.#blocks += 1;
    const mark = `block ${this.#blocks} is done`;
    const from = this.#said.length;
    this.#child.stdin?.write(`${script}\necho '${mark}'\n`);
    const said = (): string => this.#said.slice(from);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`it took more than ${ms} ms`), ms);
    });
    const done = new Promise<string>((resolve) => {
      const look = (): void => {
        if (said().includes(mark)) resolve('');
      };
      this.#child.stdout?.on('data', look);
      look();
    });
    const failure = await Promise.race([done, late, this.#ended.then(() => 'the shell ended')]);
    clearTimeout(timer);
    if (failure !== '') throw new Error(`${failure}:\n${script}\n\nit said:\n${said()}`);
    return said().replace(`${mark}\n`, '');
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    try {
      process.kill(-(this.#child.pid as number), 'SIGKILL');
    } catch {
      // It ended by itself, and left nothing.
    }
    await this.#ended;
  }
}
