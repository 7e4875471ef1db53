/** Owns telling whether a file is another than before, without reading it. */
import { statSync } from 'node:fs';

/** Identity, size and times: a file that was replaced differs in one of them. `absent` where it cannot be looked at; never throws. */
export function fileMark(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  } catch {
    return 'absent';
  }
}
