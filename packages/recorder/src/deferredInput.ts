/**
 * Owns what a client sent far ahead of the replies and the machine does not take yet: raw, in order, with its times. A message waits here
 * in the bytes it was sent in, which is a tenth of what it takes once understood. Knows no message.
 */
import type { Instant } from '@pgtape/evidence';

export type Deferred =
  | { readonly kind: 'bytes'; readonly at: Instant; readonly bytes: Buffer; start: number }
  | {
      readonly kind: 'counted';
      readonly at: Instant;
      readonly tag: number;
      readonly numbers: [number, number];
    }
  | {
      readonly kind: 'tail';
      readonly at: Instant;
      readonly tag: number;
      readonly bodyBytes: number;
      readonly sha256: Buffer;
    };

/** As JSON: bytes and hashes in base64. */
export type DeferredState =
  | { readonly kind: 'bytes'; readonly at: Instant; readonly bytes: string }
  | {
      readonly kind: 'counted';
      readonly at: Instant;
      readonly tag: number;
      readonly numbers: [number, number];
    }
  | {
      readonly kind: 'tail';
      readonly at: Instant;
      readonly tag: number;
      readonly bodyBytes: number;
      readonly sha256: string;
    };

/** About 800,000 short Binds with their Executes. Beyond, the machine gets all of it and its own bounds decide. */
export const deferredBytesMax = 32 * 1024 * 1024;
/** What one small entry is counted as. */
const entryBytes = 64;

export class DeferredInput {
  /** Taken from its front; an entry of bytes may be taken in part. */
  readonly #entries: Deferred[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Bytes not yet taken, and what the entries take; the same after a restart. */
  get bytes(): number {
    const { first } = this;
    return this.#bytes - (first?.kind === 'bytes' ? first.start : 0);
  }

  get isTooLong(): boolean {
    return this.bytes > deferredBytesMax;
  }

  get first(): Deferred | null {
    return this.#entries[0] ?? null;
  }

  add(entry: Deferred): void {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
  }

  /** The first entry is done with. */
  shift(): void {
    const entry = this.#entries.shift();
    if (entry !== undefined) this.#bytes -= sizeOf(entry);
  }

  /** One after the other, so that all of it is never there as strings at once. */
  *states(): Generator<DeferredState> {
    for (const entry of this.#entries) {
      if (entry.kind === 'bytes') {
        yield { kind: 'bytes', at: entry.at, bytes: entry.bytes.toString('base64', entry.start) };
      } else yield entry.kind === 'tail' ? { ...entry, sha256: entry.sha256.toString('base64') } : entry;
    }
  }

  static of(state: readonly DeferredState[]): DeferredInput {
    const input = new DeferredInput();
    for (const one of state) {
      if (one.kind === 'bytes') input.add({ ...one, bytes: Buffer.from(one.bytes, 'base64'), start: 0 });
      else if (one.kind === 'tail') input.add({ ...one, sha256: Buffer.from(one.sha256, 'base64') });
      else input.add(one);
    }
    return input;
  }
}

function sizeOf(entry: Deferred): number {
  return entryBytes + (entry.kind === 'bytes' ? entry.bytes.length : 0);
}
