/**
 * Owns a file that only takes room: it is removed when a snapshot finds none, because without a snapshot no journal can be trimmed and
 * the volume would stay full for ever. Knows no snapshot.
 */
import type { SpoolDisk } from './spoolDisk.ts';

/** In the recorder's journal directory, beside the reels. */
export const reserveName = 'reserve';

const block = new Uint8Array(64 * 1024);
/** Between two attempts on a volume that is full. */
const retryMs = 1000;

export class Reserve {
  readonly #disk: SpoolDisk;
  readonly #path: string;
  readonly #bytes: number;
  #isHeld = false;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(disk: SpoolDisk, path: string, bytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Takes the room, if it is there to be taken; at most once a second. */
  make(nowMs: number): void {
    if (this.#isHeld || nowMs - this.#triedMs < retryMs) return;
    this.#triedMs = nowMs;
    try {
      this.#write();
      this.#isHeld = true;
    } catch {
      this.#remove();
    }
  }

  /** Gives the room back. @returns false when there is none to give */
  give(nowMs: number): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#triedMs = nowMs;
    return this.#remove();
  }

  #write(): void {
    const fd = this.#disk.open(this.#path, 'write');
    try {
      let left = this.#bytes;
      while (left > 0) left -= this.#disk.write(fd, block, 0, Math.min(left, block.length));
    } finally {
      this.#disk.close(fd);
    }
  }

  #remove(): boolean {
    try {
      this.#disk.unlink(this.#path);
      return true;
    } catch {
      return false;
    }
  }
}
