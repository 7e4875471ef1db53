/**
 * Owns which leaf stands where in the log: an index in a durable journal first (R3), the published tree after.
 * One per log. It refuses to know what makes a leaf.
 *
 * Opening is recovery, each time: the log as its storage has it, the journal behind it, what both know of reels.
 */
import { type Leaf, leafText, parseLeaf } from '@pgtape/evidence';
import { type LogHead, type LogStorage, type LogWriter, TlogError } from '@pgtape/tlog';
import { entriesOf } from './logEntries.ts';
import { LoggedReels } from './loggedReels.ts';
import { once } from './once.ts';
import type { SequencerJournal } from './sequencerJournal.ts';

/**
 * - `LOG_FENCED`: another vault publishes this log; stop one of the two.
 * - `LOG_JOURNAL`: the journal cannot be written; the vault's state directory must be writable and have room.
 * - `LOG_BEHIND`: too many leaves wait to be published; the log's storage must work again.
 * - `LOG_CLOSED`: the vault stops.
 */
export type SequencerErrorCode = 'LOG_FENCED' | 'LOG_JOURNAL' | 'LOG_BEHIND' | 'LOG_CLOSED';

export class SequencerError extends Error {
  override readonly name = 'SequencerError';
  readonly code: SequencerErrorCode;
  constructor(code: SequencerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface SequencerOptions {
  readonly journal: SequencerJournal;
  readonly storage: LogStorage;
  readonly writer: LogWriter;
  /** Leaves waiting to be published; beyond, none is taken. */
  readonly pendingMax: number;
  readonly events: SequencerEvents;
}

export interface SequencerEvents {
  published(size: number): void;
  /** The tree was not published; it is tried again, but for `LOG_FENCED`. */
  failed(error: Error): void;
}

interface Opened {
  readonly logged: LoggedReels;
  /** Index of the first pending leaf. */
  first: number;
  pending: Uint8Array[];
}

export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #inFlight = new Map<string, Promise<number>>();
  #opened: Opened | null = null;
  #publishing: Promise<void> = Promise.resolve();
  #publishedSize = 0;
  #fenced: SequencerError | null = null;
  #closing = false;

  constructor(options: SequencerOptions) {
    this.#options = options;
  }

  /** Rejects with TlogError, or as storage and disk; the next call tries again. */
  async open(): Promise<void> {
    await this.#open();
  }

  /**
   * The leaf's index, when it is durable. A leaf is in the log once: of one that is there already its index, null
   * where that is not remembered. Rejects with SequencerError, or as `open` or the disk.
   */
  async sequence(leaf: Leaf): Promise<number | null> {
    if (this.#fenced !== null) throw this.#fenced;
    if (this.#closing) throw new SequencerError('LOG_CLOSED', 'the vault stops');
    const opened = await this.#open();
    if (opened.logged.has(leaf)) return opened.logged.indexOf(leaf);
    const name = leaf.kind === 'segment' ? `${leaf.reel}/${leaf.segment}` : leaf.reel;
    const inFlight = this.#inFlight.get(name);
    if (inFlight !== undefined) return await inFlight;
    const appending = this.#append(opened, leaf).finally(() => this.#inFlight.delete(name));
    this.#inFlight.set(name, appending);
    return await appending;
  }

  /**
   * Whether the leaf of a segment, or a reel's start, is durable. Rejects as `open`, and once the log is fenced: an
   * index in a journal that is never published is none.
   */
  async has(leaf: Parameters<LoggedReels['has']>[0]): Promise<boolean> {
    if (this.#fenced !== null) throw this.#fenced;
    return (await this.#open()).logged.has(leaf);
  }

  /** Publishes what is pending. Never rejects: it is told to `events`, and to be tried again. */
  publish(): Promise<void> {
    this.#publishing = this.#publishing.then(() => this.#publish());
    return this.#publishing;
  }

  /** Leaves with an index that no published tree has. */
  get pending(): number {
    return this.#opened?.pending.length ?? 0;
  }

  /** Leaves of the published tree. */
  get publishedSize(): number {
    return this.#publishedSize;
  }

  get fenced(): boolean {
    return this.#fenced !== null;
  }

  /** Takes no more, publishes what it has, if it can. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.allSettled(this.#inFlight.values());
    if (this.pending > 0 && this.#fenced === null) await this.publish();
    await this.#options.journal.close();
  }

  async #append(opened: Opened, leaf: Leaf): Promise<number> {
    if (opened.pending.length >= this.#options.pendingMax)
      throw new SequencerError('LOG_BEHIND', `${opened.pending.length} leaves wait to be published`);
    const entry = Buffer.from(leafText(leaf));
    const index = await journaled(this.#options.journal.append(entry));
    // Answers come in the journal's order, and so do indexes.
    if (index !== opened.first + opened.pending.length) throw new Error(`leaf ${index} out of turn`);
    opened.pending.push(entry);
    opened.logged.note(leaf, index);
    return index;
  }

  async #publish(): Promise<void> {
    if (this.#fenced !== null) return;
    try {
      const opened = await this.#open();
      const { first, pending } = opened;
      const { size } = await this.#options.writer.publish(first, [...pending]);
      opened.pending.splice(0, size - first);
      opened.first = size;
      this.#publishedSize = size;
      await this.#options.journal.published(size);
      this.#options.events.published(size);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      // Diverged: what is in the storage is not this journal's log, so its indexes mean nothing any more.
      if (failure instanceof TlogError && (failure.code === 'LOG_FENCED' || failure.code === 'LOG_DIVERGED'))
        this.#fenced = new SequencerError('LOG_FENCED', failure.message, failure);
      this.#options.events.failed(failure);
    }
  }

  readonly #open = once(async () => {
    this.#opened = await this.#recover();
    return this.#opened;
  });

  async #recover(): Promise<Opened> {
    const { journal, storage, writer } = this.#options;
    const head = await writer.head();
    const first = head.tree.size;
    const pending = pendingAfter(head, await journaled(journal.read()));
    await journaled(journal.reset(first, pending));
    const logged = new LoggedReels();
    for await (const { entry, index } of entriesOf(storage, first)) noteEntry(logged, entry, index);
    for (const [i, entry] of pending.entries()) noteEntry(logged, entry, first + i);
    this.#publishedSize = head.published?.size ?? 0;
    return { logged, first, pending };
  }
}

/** What the disk says of the journal, in this file's words. */
async function journaled<T>(work: Promise<T>): Promise<T> {
  return await work.catch((error: unknown) => {
    throw new SequencerError('LOG_JOURNAL', `the log's journal cannot be used: ${String(error)}`, error);
  });
}

/**
 * Entries behind the tree: the journal's where it reaches the tree's end, else those that a dead writer left in
 * the storage. @throws TlogError `LOG_DIVERGED` where the journal is ahead of the log
 */
function pendingAfter(
  { tree, unsigned }: LogHead,
  { first, entries }: { readonly first: number; readonly entries: readonly Uint8Array[] },
): Uint8Array[] {
  // Also where it is empty: its first index tells how far the log was published.
  if (first > tree.size)
    throw new TlogError(
      'LOG_DIVERGED',
      `the log ends at ${tree.size} leaves, the journal begins at ${first}: the log was rolled back, or the journal is another's`,
    );
  const journaled = entries.slice(tree.size - first);
  return journaled.length >= unsigned.length ? journaled : [...unsigned];
}

/** A leaf of a later version than this one knows says nothing about its reel. */
function noteEntry(logged: LoggedReels, entry: Uint8Array, index: number): void {
  const leaf = parseLeaf(entry);
  if (typeof leaf !== 'string') logged.note(leaf, index);
}
