/** Owns making the directory of a new reel and its journal's first file. */
import { mkdirSync, rmSync } from 'node:fs';
import { type JournalOptions, JournalWriter } from './journalWriter.ts';
import { RecorderError } from './recorderError.ts';

/** @throws RecorderError `JOURNAL_UNUSABLE`; nothing is left behind then */
export function openJournal(options: JournalOptions): JournalWriter {
  const { dir } = options;
  try {
    mkdirSync(dir, { mode: 0o700 });
    return new JournalWriter(options);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    rmSync(dir, { recursive: true, force: true });
    throw new RecorderError('JOURNAL_UNUSABLE', `cannot write the journal in ${dir}: ${code}`, {
      cause: error,
    });
  }
}
