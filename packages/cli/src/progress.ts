/** Draws the steps of long work: a moving line on a terminal, one line per finished step elsewhere. */
import type { Output } from './io.ts';
import type { Paint } from './paint.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;

export class Progress {
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #now: () => number;
  #text = '';
  #startedAt = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(output: Output, paint: Paint, now: () => number) {
    this.#output = output;
    this.#paint = paint;
    this.#now = now;
  }

  /** Ends the step before, if any, and begins the next. */
  step(text: string): void {
    this.done();
    this.#text = text;
    this.#startedAt = this.#now();
    if (!this.#output.isTTY) return;
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), frameMs);
    this.#timer.unref();
  }

  /** Ends the current step well. */
  done(): void {
    this.#end(this.#paint.green('✓'));
  }

  /** Ends the current step badly; the error's text is the caller's. */
  fail(): void {
    this.#end(this.#paint.red('✗'));
  }

  #draw(): void {
    const mark = this.#paint.cyan(frames[this.#frame % frames.length] as string);
    this.#frame += 1;
    this.#output.write(`\r\u001b[K  ${mark} ${this.#text}`);
  }

  #end(mark: string): void {
    if (this.#text === '') return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    const seconds = ((this.#now() - this.#startedAt) / 1000).toFixed(1);
    this.#output.write(
      `${this.#output.isTTY ? '\r\u001b[K' : ''}  ${mark} ${this.#text} ${this.#paint.dim(`${seconds} s`)}\n`,
    );
    this.#text = '';
  }
}
