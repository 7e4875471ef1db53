/**
 * Owns who watches records as they are acknowledged, and what a slow one misses. It refuses to wait for
 * anybody: a client whose buffer is full misses lines and is told how many.
 */

/** Where a client's lines go, for instance an HTTP response. */
export interface TailOutput {
  /** Bytes written and not yet taken. */
  readonly writableLength: number;
  write(bytes: Uint8Array | string): void;
}

export interface TailFilter {
  /** Only lines of this session; undefined, of all and of none. */
  readonly session?: string;
  /** Only lines of these kinds; undefined, of all. */
  readonly kinds?: ReadonlySet<string>;
}

export interface TailClient {
  /**
   * To be called when the output has taken what was written, so that a client that lagged learns it at once.
   */
  drained(): void;
  leave(): void;
}

interface Client {
  readonly filter: TailFilter;
  readonly output: TailOutput;
  lagged: number;
}

/** A record line's range in a segment's text. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** What the filter looks at. */
interface Head {
  readonly kind: string;
  readonly session?: string;
}

export class LiveTail {
  readonly #clients = new Set<Client>();
  readonly #bufferBytesMax: number;
  readonly #onLagged: (lines: number) => void;

  constructor(bufferBytesMax: number, onLagged: (lines: number) => void) {
    this.#bufferBytesMax = bufferBytesMax;
    this.#onLagged = onLagged;
  }

  get clients(): number {
    return this.#clients.size;
  }

  join(output: TailOutput, filter: TailFilter): TailClient {
    const client: Client = { filter, output, lagged: 0 };
    this.#clients.add(client);
    return {
      drained: () => {
        if (client.lagged > 0) this.#confess(client);
      },
      leave: () => {
        this.#clients.delete(client);
      },
    };
  }

  /**
   * `text` ends each line with a newline; what is written is the line's own bytes. `records[i]` is `lines[i]`
   * parsed.
   */
  publish(text: Uint8Array, lines: readonly Span[], records: readonly Head[]): void {
    if (this.#clients.size === 0) return;
    for (const [i, { start, end }] of lines.entries()) {
      const record = records[i];
      if (record === undefined) return;
      // A client may keep what it was given, the text may be a view of something else.
      const line = Buffer.from(text.subarray(start, end + 1));
      for (const client of this.#clients) if (wants(client.filter, record)) this.#give(client, line);
    }
  }

  #give(client: Client, line: Buffer): void {
    const waiting = client.output.writableLength;
    // Having lagged, a client starts again only when half of its buffer is free: one notice, not one for
    // every line.
    const room = client.lagged === 0 ? this.#bufferBytesMax : this.#bufferBytesMax / 2;
    if (waiting > 0 && waiting + line.length > room) {
      client.lagged += 1;
      this.#onLagged(1);
      return;
    }
    if (client.lagged > 0) this.#confess(client);
    client.output.write(line);
  }

  #confess(client: Client): void {
    client.output.write(`{"lagged":${client.lagged}}\n`);
    client.lagged = 0;
  }
}

function wants(filter: TailFilter, record: Head): boolean {
  if (filter.session !== undefined && filter.session !== record.session) return false;
  return filter.kinds === undefined || filter.kinds.has(record.kind);
}
