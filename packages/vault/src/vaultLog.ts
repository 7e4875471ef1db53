/**
 * Owns making the vault's transparency log: its name, its keys, its sequencer, when a checkpoint is published. It
 * refuses to know what is logged.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Disk, errnoOf, type Store } from '@pgtape/store';
import {
  COSIGNATURE_V1,
  cosignedBy,
  formatVkey,
  isKeyName,
  LogWriter,
  parseCheckpoint,
  parseVkey,
  TlogError,
  type VerifierKey,
  Witness,
  type WitnessReason,
  type WitnessTransport,
} from '@pgtape/tlog';
import type { VaultConfig } from './config.ts';
import { makeLogKey, readLogKeys, writeDurably } from './logKey.ts';
import { LOG_PREFIX, logStore } from './logStore.ts';
import { DAY_MS } from './retention.ts';
import { Sequencer } from './sequencer.ts';
import { SequencerJournal } from './sequencerJournal.ts';
import { VaultError } from './vaultError.ts';
import { witnessHttp } from './witnessHttp.ts';

export interface VaultLogOptions {
  readonly config: VaultConfig['tlog'];
  readonly store: Store;
  /** Of the vault on this machine; the sequencer's lies in it. */
  readonly stateDir: string;
  readonly disk: Disk;
  readonly holdsLock: () => boolean;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
  /** When the retention of what is stored for long ends, ms since 1970; null: none. */
  readonly retainUntil: () => number | null;
  readonly post?: WitnessTransport;
  readonly events: VaultLogEvents;
}

export interface VaultLogEvents {
  published(size: number): void;
  failed(error: Error): void;
  witnessFailed(witness: string, reason: WitnessReason, detail: string): void;
  warn(message: string): void;
}

export interface VaultLog {
  readonly origin: string;
  /** Those that sign now, the newest first. */
  readonly vkeys: readonly string[];
  readonly sequencer: Sequencer;
  /** Of the last checkpoint this process published, ms since 1970; null before. */
  readonly checkpointAt: () => number | null;
  /** Begins to publish, every `checkpointSeconds`. */
  start(): void;
  /** Publishes now what there is; failures are events. */
  publish(): Promise<void>;
  close(): Promise<void>;
}

/** The state directory's part that is the log's; hidden, so that no file store takes it for an object. */
const SEQUENCER_DIR = '.sequencer';
const partialDays = 2;

/**
 * Makes the origin and the key where there are none.
 * @throws VaultError `LOG_KEY`, `LOG_UNUSABLE`; rejects as store and disk
 */
export async function makeVaultLog(options: VaultLogOptions): Promise<VaultLog> {
  const { config, store, stateDir, disk, events, nowMs } = options;
  const directory = join(stateDir, SEQUENCER_DIR);
  const { retainUntil } = options;
  const storage = logStore({
    store,
    retainUntil: (retention) => shorter(retention, retainUntil(), nowMs() + partialDays * DAY_MS),
  });
  const latest = await storage.latestCheckpoint();
  const origin = config.origin ?? (await storedOrigin(join(directory, 'origin'), latest, disk));
  if (!isKeyName(origin))
    throw new VaultError('LOG_UNUSABLE', `tlog.origin ${JSON.stringify(origin)} is no key name`);
  assertSameName(origin, latest);
  const keyFile = config.keyFile ?? join(directory, 'log.key');
  const signers = await signersOf(keyFile, origin, latest !== null, options);
  const post = options.post ?? witnessHttp(config.witnessTimeoutMs);
  const witnesses = config.witnesses.map(
    ({ url, vkey }) => new Witness({ url, key: witnessKey(vkey), post }),
  );
  let checkpointAt: number | null = null;
  const writer = new LogWriter({
    origin,
    storage,
    signers,
    formerKeys: config.formerKeys.map((text) => formerKey(text)),
    cosign: cosignedBy(witnesses, ({ name }, { reason, message }) =>
      events.witnessFailed(name, reason, message),
    ),
  });
  const sequencer = new Sequencer({
    journal: new SequencerJournal(directory, disk),
    storage,
    writer,
    pendingMax: config.pendingMax,
    events: {
      published: (size) => {
        checkpointAt = nowMs();
        events.published(size);
      },
      failed: (error) => events.failed(error),
    },
  });
  const vkeys = signers.map(({ vkey }) => formatVkey(vkey));
  let timer: NodeJS.Timeout | undefined;
  let isPublishing = false;
  const tick = async (): Promise<void> => {
    // A store or a witness that takes longer than the interval must not pile up work.
    if (isPublishing || !options.holdsLock()) return;
    isPublishing = true;
    await sequencer.publish();
    isPublishing = false;
  };
  return {
    origin,
    vkeys,
    sequencer,
    checkpointAt: () => checkpointAt,
    start: () => {
      void tick().then(() => showVkeys(store, vkeys, events));
      timer = setInterval(() => void tick(), config.checkpointSeconds * 1000);
      timer.unref();
    },
    publish: tick,
    close: async () => {
      clearInterval(timer);
      if (options.holdsLock()) await sequencer.close();
    },
  };
}

/**
 * Opens the log, which recovers it.
 * @throws VaultError `LOG_UNUSABLE`, `LOG_KEY` where nothing but a person can help; rejects as store and disk
 */
export async function openVaultLog({ sequencer }: Pick<VaultLog, 'sequencer'>): Promise<void> {
  try {
    await sequencer.open();
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (error.code === 'LOG_KEY')
      throw new VaultError(
        'LOG_KEY',
        `the log's checkpoint is not signed by a key of tlog.keyFile (${error.message}): ` +
          'put the old key back into the file behind the new one, or its verifier key into tlog.formerKeys',
        error,
      );
    throw new VaultError(
      'LOG_UNUSABLE',
      `the log cannot be gone on with (${error.code}, ${error.message}): run 'pgtape verify' on the archive and find out who changed it`,
      error,
    );
  }
}

function shorter(retention: 'short' | 'long', long: number | null, short: number): number | null {
  return long === null || retention === 'long' ? long : Math.min(long, short);
}

/** The origin is made once: it stands in the state directory, and in every checkpoint. */
async function storedOrigin(path: string, latest: Uint8Array | null, disk: Disk): Promise<string> {
  const read = async (): Promise<string | null> =>
    await disk.readFile(path).then(
      (bytes) => Buffer.from(bytes).toString().trim(),
      (error: unknown) => (errnoOf(error) === 'ENOENT' ? null : Promise.reject(error)),
    );
  const stored = await read();
  if (stored !== null) return stored;
  const published = latest === null ? null : parseCheckpoint(latest);
  // Not verified here: a key of this very name must have signed it, or the log is not opened.
  const origin = published?.ok === true ? published.value.checkpoint.origin : randomOrigin();
  await writeDurably(path, Buffer.from(`${origin}\n`), 0o644, disk);
  return (await read()) ?? origin;
}

/** @throws VaultError `LOG_UNUSABLE` */
function assertSameName(origin: string, latest: Uint8Array | null): void {
  const published = latest === null ? null : parseCheckpoint(latest);
  if (published?.ok !== true || published.value.checkpoint.origin === origin) return;
  throw new VaultError(
    'LOG_UNUSABLE',
    `this vault's log is ${origin}, the archive's is ${published.value.checkpoint.origin}: a log keeps its name; ` +
      'set tlog.origin to it, or give this vault the state directory that belongs to the archive',
  );
}

function randomOrigin(): string {
  return `pgtape.local/${randomBytes(8).toString('hex')}`;
}

async function signersOf(
  keyFile: string,
  origin: string,
  isSigned: boolean,
  { disk, events }: VaultLogOptions,
): Promise<ReturnType<typeof readLogKeys>> {
  const isThere = await disk.stat(keyFile).then(
    () => true,
    (error: unknown) => (errnoOf(error) === 'ENOENT' ? false : Promise.reject(error)),
  );
  if (!isThere && isSigned)
    throw new VaultError(
      'LOG_KEY',
      `the log has checkpoints, and its key ${keyFile} is missing: restore the file, ` +
        'or put a new key there and the old verifier key into tlog.formerKeys',
    );
  if (!isThere) await makeLogKey(keyFile, disk);
  return readLogKeys(keyFile, origin, (message) => events.warn(message));
}

function formerKey(text: string): VerifierKey {
  const key = parseVkey(text);
  if (!key.ok) throw new VaultError('LOG_KEY', `tlog.formerKeys: ${key.detail}`);
  return key.value;
}

function witnessKey(text: string): VerifierKey {
  const key = parseVkey(text);
  if (key.ok && key.value.type === COSIGNATURE_V1) return key.value;
  throw new VaultError('LOG_KEY', `tlog.witnesses: ${key.ok ? 'no key of a witness (type 4)' : key.detail}`);
}

/** `log/vkey`, for people; nobody should trust it. */
async function showVkeys(store: Store, vkeys: readonly string[], events: VaultLogEvents): Promise<void> {
  const key = `${LOG_PREFIX}vkey`;
  const bytes = Buffer.from(vkeys.map((vkey) => `${vkey}\n`).join(''));
  try {
    const found = await store.getLatest(key);
    if (found === null || Buffer.compare(found, bytes) !== 0) await store.swap(key, bytes, found);
  } catch (error) {
    events.warn(`${key} was not written: ${String(error)}`);
  }
}
