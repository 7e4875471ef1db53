/** Draws the steps of long work: a moving line on a terminal, one line per finished step elsewhere. */
import type { Output } from './io.ts';
import type { Paint } from './paint.ts';
import { fit } from './table.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
/** What is over sooner than this is not worth a line that comes and goes. */
const passingMs = 300;
const eraseLine = '\r\u001b[K';

export class Progress {
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #now: () => number;
  #text = '';
  #startedAt = 0;
  #frame = 0;
  #isDrawn = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(output: Output, paint: Paint, now: () => number) {
    this.#output = output;
    this.#paint = paint;
    this.#now = now;
  }

  /** Ends the step before, if any, and begins the next. */
  step(text: string): void {
    this.done();
    this.#begin(text);
    if (this.#output.isTTY) this.draw();
  }

  /** Work that leaves no line behind: drawn on a terminal when it lasts, ended by `clear`. */
  passing(text: string): void {
    if (this.#text === '') this.#begin(text);
    this.#text = text;
  }

  /** Ends the current step well. */
  done(): void {
    this.#end(this.#paint.green('✓'));
  }

  /** Ends the current step badly; the error's text is the caller's. */
  fail(): void {
    this.#end(this.#paint.red('✗'));
  }

  /** Ends the current step without a trace. */
  clear(): void {
    this.#stop();
    if (this.#isDrawn) this.#output.write(eraseLine);
    this.#isDrawn = false;
    this.#text = '';
  }

  /** One frame of the moving line; called by its own timer. */
  draw(): void {
    if (this.#text === '' || !this.#output.isTTY) return;
    const mark = this.#paint.cyan(frames[this.#frame % frames.length] as string);
    this.#frame += 1;
    this.#isDrawn = true;
    // A line longer than the terminal is wide would wrap, and then not be erased whole.
    this.#output.write(`${eraseLine}  ${mark} ${fit(this.#text, this.#output.columns - 5)}`);
  }

  #begin(text: string): void {
    this.#text = text;
    this.#startedAt = this.#now();
    if (!this.#output.isTTY) return;
    this.#timer = setInterval(() => {
      if (this.#isDrawn || this.#now() - this.#startedAt >= passingMs) this.draw();
    }, frameMs);
    this.#timer.unref();
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #end(mark: string): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.clear();
    const seconds = ((this.#now() - this.#startedAt) / 1000).toFixed(1);
    this.#output.write(`  ${mark} ${text} ${this.#paint.dim(`${seconds} s`)}\n`);
  }
}
