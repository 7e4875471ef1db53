/**
 * Owns the note of which sessions were open when a recorder stopped in order: the server may find out later, and they did not come past
 * anybody. Of a recorder that was killed its journal says the same.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** More are not noted; they would be told as bypasses. */
const notedMax = 20_000;

/** Best effort: without the note a lingering backend is told as a bypass. */
export function noteLeftSessions(file: string, pids: readonly number[]): void {
  try {
    if (pids.length > 0) writeFileSync(file, JSON.stringify(pids.slice(0, notedMax)), { mode: 0o600 });
  } catch {
    // A full or missing volume.
  }
}

/** @returns pids; the note is gone then */
export function takeLeftSessions(file: string): number[] {
  try {
    const noted: unknown = JSON.parse(readFileSync(file, 'utf8'));
    rmSync(file, { force: true });
    return Array.isArray(noted) ? noted.filter((pid): pid is number => Number.isInteger(pid)) : [];
  } catch {
    return [];
  }
}
