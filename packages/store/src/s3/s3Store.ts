/**
 * Owns objects in an S3 bucket: what a bucket with Object Lock answers as a store. It refuses to know what is in
 * them, and to delete anything.
 *
 * The lock protects versions, not names: a deleted key has a delete marker on top, an overwritten one a newer
 * version, and both leave what was stored first where it was. So every read that names no version looks for the
 * first one, and every write looks before it writes.
 */
import {
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type { OpenedStore } from '../openStore.ts';
import {
  assertKey,
  assertPrefix,
  KEY_BYTES_MAX,
  type Lock,
  type Protection,
  type PutAnswer,
  type PutOptions,
  type Store,
  type StoreCapabilities,
} from '../store.ts';
import type { S3Address } from '../storeAddress.ts';
import { StoreError } from '../storeError.ts';
import { s3Attempts } from './s3Attempts.ts';
import { bucketProtection } from './s3Bucket.ts';
import { makeClient, request } from './s3Client.ts';
import { wordOf } from './s3Errors.ts';
import { firstVersion, historiesBelow, type Place, versionName } from './s3Listing.ts';
import { lockOf, modes, wholeSeconds } from './s3Retention.ts';
import { latestOf, swap } from './s3Swap.ts';
import { firstOf } from './versionPages.ts';

/** Opens the store and asks its bucket what protects it. `lock`: what `retainUntil` is to give. */
export async function openS3Store(address: S3Address, lock: Lock): Promise<OpenedStore> {
  const place: Place = {
    client: makeClient(address),
    bucket: address.bucket,
    prefix: address.prefix === '' ? '' : `${address.prefix}/`,
  };
  const bucket = await bucketProtection(place);
  const isLocked = bucket.lock === 'on' && lock !== 'none';
  const store = new S3Store(place, {
    retention: isLocked,
    hold: bucket.lock === 'on',
    versions: bucket.versioning === 'on',
    lock: isLocked ? lock : 'none',
    compareAndSwap: true,
  });
  return { store, attempts: s3Attempts(place) };
}

const notFound = (key: string): StoreError => new StoreError('STORE_NOT_FOUND', `no object ${key}`);

class S3Store implements Store {
  readonly capabilities: StoreCapabilities;
  readonly #place: Place;

  constructor(place: Place, capabilities: StoreCapabilities) {
    this.#place = place;
    this.capabilities = capabilities;
  }

  async putOnce(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutAnswer> {
    this.#assertKey(key);
    const before = await firstVersion(this.#place, key);
    if (before !== null) return { answer: 'exists', version: before.version };
    try {
      const answer = await request(`put of ${key}`, () => this.#put(key, bytes, options));
      return { answer: 'stored', version: versionName(answer.VersionId) };
    } catch (error) {
      if (!(error instanceof StoreError && error.errno === 'PreconditionFailed')) throw error;
    }
    // Someone was faster, or an answer of ours was lost and the SDK made the request again.
    const now = await firstVersion(this.#place, key);
    if (now === null)
      throw new StoreError('STORE_CONFLICT', `put of ${key}: a delete marker stands there, and no object`);
    return { answer: 'exists', version: now.version };
  }

  #put(key: string, bytes: Uint8Array, { retainUntil, hold }: PutOptions) {
    const { lock, retention } = this.capabilities;
    return this.#place.client.send(
      new PutObjectCommand({
        ...this.#target(key),
        Body: bytes,
        IfNoneMatch: '*',
        ChecksumAlgorithm: 'SHA256',
        ...(retainUntil === undefined || !retention || lock === 'none'
          ? {}
          : { ObjectLockMode: modes[lock], ObjectLockRetainUntilDate: wholeSeconds(retainUntil) }),
        ...(hold === true && this.capabilities.hold ? { ObjectLockLegalHoldStatus: 'ON' } : {}),
      }),
    );
  }

  async get(key: string, version?: string): Promise<Uint8Array> {
    this.#assertKey(key);
    const wanted = version ?? (await firstVersion(this.#place, key))?.version;
    if (wanted === undefined) throw notFound(key);
    return await this.#ofVersion(key, wanted, `get of ${key}`, async () => {
      const answer = await this.#place.client.send(
        new GetObjectCommand({ ...this.#target(key, wanted), ChecksumMode: 'ENABLED' }),
      );
      if (answer.Body === undefined) throw new StoreError('STORE_IO', `get of ${key} had no body`);
      return await answer.Body.transformToByteArray();
    });
  }

  async has(key: string): Promise<boolean> {
    this.#assertKey(key);
    return (await firstVersion(this.#place, key)) !== null;
  }

  async *list(prefix: string) {
    assertPrefix(prefix);
    for await (const history of historiesBelow(this.#place, prefix)) {
      const first = firstOf(history);
      if (first !== null) yield { key: first.key, bytes: first.bytes, version: first.version };
    }
  }

  async *listVersions(prefix: string) {
    assertPrefix(prefix);
    for await (const history of historiesBelow(this.#place, prefix)) yield* history.versions;
  }

  async protectionOf(key: string, version: string): Promise<Protection> {
    this.#assertKey(key);
    const target = this.#target(key, version);
    const what = `protection of ${key}`;
    await this.#ofVersion(key, version, what, () => this.#place.client.send(new HeadObjectCommand(target)));
    if (!this.capabilities.hold) return { lock: 'none', retainUntil: null, hold: false };
    // Not from the head: a caller without the right to see them finds the fields missing there, not refused.
    const [retention, hold] = await Promise.all([
      this.#orNone(what, () => this.#place.client.send(new GetObjectRetentionCommand(target))),
      this.#orNone(what, () => this.#place.client.send(new GetObjectLegalHoldCommand(target))),
    ]);
    const until = retention?.Retention?.RetainUntilDate?.getTime() ?? null;
    return {
      lock: lockOf(retention?.Retention?.Mode, until),
      retainUntil: until,
      hold: hold?.LegalHold?.Status === 'ON',
    };
  }

  async extendRetention(key: string, version: string, until: number): Promise<void> {
    const { lock } = this.capabilities;
    if (lock === 'none')
      throw new StoreError('STORE_UNSUPPORTED', `the bucket keeps no retention for ${key}`);
    const now = await this.protectionOf(key, version);
    // Not every server refuses to shorten.
    if (now.retainUntil !== null && now.retainUntil >= until) return;
    await request(`retention of ${key}`, () =>
      this.#place.client.send(
        new PutObjectRetentionCommand({
          ...this.#target(key, version),
          Retention: {
            Mode: modes[now.lock === 'none' ? lock : now.lock],
            RetainUntilDate: wholeSeconds(until),
          },
        }),
      ),
    );
  }

  async setHold(key: string, version: string, on: boolean): Promise<void> {
    if (!this.capabilities.hold)
      throw new StoreError('STORE_UNSUPPORTED', `the bucket has no holds for ${key}`);
    this.#assertKey(key);
    await this.#ofVersion(key, version, `hold of ${key}`, () =>
      this.#place.client.send(
        new PutObjectLegalHoldCommand({
          ...this.#target(key, version),
          LegalHold: { Status: on ? 'ON' : 'OFF' },
        }),
      ),
    );
  }

  async swap(key: string, bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean> {
    this.#assertKey(key);
    return await swap(this.#place, key, bytes, expected);
  }

  async getLatest(key: string): Promise<Uint8Array | null> {
    this.#assertKey(key);
    return (await latestOf(this.#place, key))?.bytes ?? null;
  }

  #assertKey(key: string): void {
    assertKey(key);
    if (this.#place.prefix.length + key.length <= KEY_BYTES_MAX) return;
    throw new StoreError('STORE_KEY', `key ${key.slice(0, 100)}... is too long below ${this.#place.prefix}`);
  }

  /** '' is what a bucket without versions calls `null`, and there names the only one. */
  #target(key: string, version?: string) {
    const named = version === undefined || version === '' ? {} : { VersionId: version };
    return { Bucket: this.#place.bucket, Key: `${this.#place.prefix}${key}`, ...named };
  }

  /** A version that cannot exist is refused as an argument, one that does not as missing. */
  async #ofVersion<T>(key: string, version: string, what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await request(what, run);
    } catch (error) {
      const isNoVersion =
        error instanceof StoreError &&
        version !== '' &&
        ['InvalidArgument', 'HTTP 400', 'MethodNotAllowed', 'BadRequest', '400'].includes(error.errno ?? '');
      throw isNoVersion ? notFound(`${key}, version ${version}`) : error;
    }
  }

  /** What was never set is answered with an error. */
  async #orNone<T>(what: string, run: () => Promise<T>): Promise<T | null> {
    return await request(what, async () => {
      try {
        return await run();
      } catch (error) {
        if (wordOf(error) === 'NoSuchObjectLockConfiguration') return null;
        throw error;
      }
    });
  }
}
