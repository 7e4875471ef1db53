/**
 * Owns the spool's note of where its journals lie. The place is chosen anew at each start, from configuration and environment: without
 * the note a start that chooses another one would never look for what a killed recorder left. Reads no journal.
 */
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';

export interface JournalPlaces {
  /** Still there, in another place than this start's. */
  readonly found: readonly string[];
  /** Noted, and not there any more: what they held is lost. Includes this start's own. */
  readonly gone: readonly string[];
}

/** @param current this start's directory, not yet made */
export function formerPlaces(file: string, current: string, recorder: string): JournalPlaces {
  const found: string[] = [];
  const gone: string[] = [];
  for (const dir of notedPlaces(file)) {
    // Only directories that openSpool made: named after this recorder.
    if (!isAbsolute(dir) || basename(dir) !== recorder) continue;
    if (!isOurs(dir)) gone.push(dir);
    else if (dir !== current) found.push(dir);
  }
  return { found, gone };
}

/** None: nothing is left anywhere, as after an end in order. @throws ErrnoException */
export function keepPlaces(file: string, places: readonly string[]): void {
  if (places.length === 0) {
    rmSync(file, { force: true });
    return;
  }
  const temporary = `${file}.tmp`;
  writeFileSync(temporary, `${places.join('\n')}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

function notedPlaces(file: string): string[] {
  try {
    return [...new Set(readFileSync(file, 'utf8').split('\n'))].filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isOurs(dir: string): boolean {
  try {
    const stat = lstatSync(dir);
    return stat.isDirectory() && stat.uid === (process.getuid?.() ?? stat.uid);
  } catch {
    return false;
  }
}
