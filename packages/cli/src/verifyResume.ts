/**
 * Keeps what came of each reel in a file, so that a check that was stopped goes on where it was. Believes the file as it
 * believes this program: who can write it can make a check say anything.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ReelKeys } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { ReelReading } from './reelReading.ts';

/** What a result depends on besides the objects: another way of checking is another file's. */
export interface ResumeHead {
  readonly format: 'pgtape-verify-v1';
  readonly by: string;
  readonly strict: boolean;
  readonly trustedKeys: readonly string[];
}

export class VerifyResume {
  readonly #file: string;
  readonly #readings: Map<string, ReelReading>;

  private constructor(file: string, readings: Map<string, ReelReading>) {
    this.#file = file;
    this.#readings = readings;
  }

  /**
   * Reads the file, or begins it. What was checked in another way counts for nothing.
   * @throws CommandError `RESUME_FILE` where it is some other file
   */
  static open(file: string, head: ResumeHead): VerifyResume {
    const [first = '', ...lines] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const isOurs = first === '' || first.startsWith('{"format":"pgtape-verify-v1"');
    if (!isOurs) {
      throw new CommandError('RESUME_FILE', `${file} is not a file of this command`, {
        exit: exitCode.usage,
        advice: 'Name one that is not there yet, or that an earlier --resume made.',
      });
    }
    const own = JSON.stringify(head);
    const readings = new Map<string, ReelReading>();
    for (const line of first === own ? lines : []) {
      const reading = readingOf(line);
      if (reading !== null) readings.set(reading.verdict.reel, reading);
    }
    const kept = [...readings.values()].map((reading) => `${JSON.stringify(reading)}\n`);
    writeFileSync(file, [`${own}\n`, ...kept].join(''), { mode: 0o600 });
    return new VerifyResume(file, readings);
  }

  /** What came of the reel before; it counts while its objects are the same, byte for byte. */
  knownOf(reel: ReelKeys): ReelReading | null {
    return this.#readings.get(reel.reel) ?? null;
  }

  /** Keeps what came of a reel; a line that is torn by the end of the process is passed over later. */
  keep(reading: ReelReading): void {
    if (this.#readings.get(reading.verdict.reel) === reading) return;
    this.#readings.set(reading.verdict.reel, reading);
    appendFileSync(this.#file, `${JSON.stringify(reading)}\n`);
  }
}

function readingOf(line: string): ReelReading | null {
  try {
    const reading = JSON.parse(line) as ReelReading;
    return typeof reading.verdict.reel === 'string' && Array.isArray(reading.objects) ? reading : null;
  } catch {
    return null;
  }
}
