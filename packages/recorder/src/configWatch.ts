/**
 * Owns noticing that the configuration's files have changed, and reading them again: the first that can be read counts, and what cannot be
 * taken for a configuration changes nothing. Decides nothing of what it says.
 */
import { fileMark } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';

/** Where the configuration comes from. */
export interface ConfigFiles {
  /** The first that is there counts. */
  readonly files: readonly string[];
  /** @throws Error where the file holds no configuration */
  read(file: string): Promise<{ readonly config: RecorderConfig; readonly text: string | undefined }>;
  /** The one last read is in use. */
  taken?(): void;
}

export interface ConfigWatchEvents {
  /** @returns why it cannot be used; null: it is in use */
  onConfig(config: RecorderConfig, text: string | undefined): string | null;
  onTrouble(event: string, detail: string): void;
}

const detailMax = 1000;

export class ConfigWatch {
  /** Why the files as they are now are not used; null: they are. */
  problem: string | null = null;
  readonly #source: ConfigFiles;
  readonly #events: ConfigWatchEvents;
  #marks: string[];
  #isReading = false;

  constructor(source: ConfigFiles, events: ConfigWatchEvents) {
    this.#source = source;
    this.#events = events;
    this.#marks = source.files.map(fileMark);
  }

  /** Looks; reads where a file is another one than before, and where the last one could not be used. */
  async poll(): Promise<void> {
    const marks = this.#source.files.map(fileMark);
    const at = marks.findIndex((mark) => mark !== 'absent');
    const isSame = at < 0 || marks[at] === this.#marks[at];
    if (this.#isReading || (isSame && this.problem === null)) return;
    // A file that went leaves in use what it held.
    if (at < 0) return;
    this.#isReading = true;
    this.#marks = marks;
    this.#settle(await this.#take(this.#source.files[at]!));
    this.#isReading = false;
  }

  async #take(file: string): Promise<string | null> {
    try {
      const { config, text } = await this.#source.read(file);
      const problem = this.#events.onConfig(config, text);
      if (problem === null) this.#source.taken?.();
      return problem;
    } catch (error) {
      return (error as Error).message;
    }
  }

  #settle(problem: string | null): void {
    if (problem !== null && problem !== this.problem) {
      const detail = `the new configuration is not used, the one before stays: ${problem.slice(0, detailMax)}`;
      this.#events.onTrouble('config_invalid', detail);
    }
    this.problem = problem;
  }
}
