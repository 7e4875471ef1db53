/**
 * Owns the last RecordingArchive that a vault ran with, in its state directory: what it starts from while the API server is away.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const NAME = '.recording-archive.json';

/** One state of a RecordingArchive. */
export interface ArchiveState {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: unknown;
}

const Stored = z.object({ name: z.string(), uid: z.string(), generation: z.int(), spec: z.unknown() });

/** null: there is none of that name that can be read. */
export async function readLastArchive(stateDir: string, name: string): Promise<ArchiveState | null> {
  try {
    const stored = Stored.parse(JSON.parse(await readFile(join(stateDir, NAME), 'utf8')));
    return stored.name === name ? stored : null;
  } catch {
    return null;
  }
}

/** Rejects as the disk. */
export async function keepLastArchive(stateDir: string, state: ArchiveState): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const draft = join(stateDir, `${NAME}.draft`);
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(state));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(stateDir, NAME));
}
