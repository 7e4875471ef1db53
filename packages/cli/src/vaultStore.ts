/** A vault's archive as a store that can be read: under a grant, asked for anew where it has ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Protection,
  type ReadStore,
  type StoreCapabilities,
  type StoredObject,
  type StoredVersion,
  StoreError,
} from '@pgtape/store';
import { z } from 'zod';
import { type Asked, type VaultAccess, VaultClient, VaultRefusal } from './vaultClient.ts';

/** What is read and why, as the vault records it. */
export interface Purpose {
  readonly action: 'sessions' | 'search' | 'play' | 'tail' | 'export' | 'verify';
  /** In the reader's words. */
  readonly what: string;
  readonly why: string;
  /** Only this session's reel. */
  readonly session?: string;
  /** Only reels whose id begins so. */
  readonly reel?: string;
}

/** Plain data, so that it can be handed to a worker thread. */
export interface VaultSource {
  readonly kind: 'vault';
  readonly access: VaultAccess;
  readonly purpose: Purpose;
  readonly grant: string;
  readonly capabilities: StoreCapabilities;
}

const lock = z.enum(['strict', 'bypassable', 'none']);

const GrantAnswer = z.object({
  grant: z.string(),
  store: z.object({
    retention: z.boolean(),
    hold: z.boolean(),
    versions: z.boolean(),
    lock,
    compareAndSwap: z.boolean(),
  }),
});
interface Page<T> {
  readonly objects: T[];
  readonly next: string | null;
}

const page = <T extends z.ZodType>(entry: T) =>
  z.object({ objects: z.array(entry), next: z.string().nullable() });
const stored = { key: z.string(), bytes: z.int().nonnegative(), version: z.string() };
const ObjectPage = page(z.object(stored));
const VersionPage = page(
  z.object({ ...stored, at: z.number(), kind: z.enum(['object', 'delete_marker']), isLatest: z.boolean() }),
);
const ProtectionAnswer = z.object({ lock, retainUntil: z.number().nullable(), hold: z.boolean() });

const wordsMax = 1000;
const pageObjects = 5000;
/** Waiting for room at the vault: it says for how long at most, this is how often; most wait a moment only. */
const patience = 60;
const firstWaitMs = 50;

/** Asks for a grant; the vault has recorded the reading when this resolves. @throws as VaultClient */
export async function grantFor(
  client: VaultClient,
  purpose: Purpose,
): Promise<{ grant: string; capabilities: StoreCapabilities }> {
  const { what, why } = purpose;
  const body = { ...purpose, what: what.slice(0, wordsMax), why: why.slice(0, wordsMax) };
  const answer = await client.json({ method: 'POST', path: '/v1/grants', body }, GrantAnswer);
  return { grant: answer.grant, capabilities: answer.store };
}

/** Reads what the source's grant covers. Rejects with StoreError `STORE_NOT_FOUND`, else as VaultClient does. */
export function vaultStore(source: VaultSource, stop: AbortSignal | null = null): ReadStore {
  const reader = new GrantedReader(source, stop);
  const query = (path: string, parts: Record<string, string>): Asked => ({
    path: `${path}?${new URLSearchParams(parts).toString()}`,
  });
  const named = (kind: string, key: string, version?: string): Asked =>
    version === undefined || version === ''
      ? { path: `/v1/${kind}/${escaped(key)}` }
      : query(`/v1/${kind}/${escaped(key)}`, { version });
  async function* pages<T>(kind: string, prefix: string, shape: z.ZodType<Page<T>>): AsyncGenerator<T> {
    for (let after: string | null = ''; after !== null; ) {
      const asked = query(`/v1/${kind}`, { prefix, after, limit: String(pageObjects) });
      const { objects, next }: Page<T> = await reader.json(asked, shape);
      yield* objects;
      after = next;
    }
  }
  return {
    capabilities: source.capabilities,
    get: (key, version) => reader.bytes(named('objects', key, version), key),
    async has(key) {
      for await (const object of pages('objects', key, ObjectPage)) return object.key === key;
      return false;
    },
    list: (prefix) => pages<StoredObject>('objects', prefix, ObjectPage),
    listVersions: (prefix) => pages<StoredVersion>('versions', prefix, VersionPage),
    protectionOf: (key, version): Promise<Protection> =>
      reader.json(named('protection', key, version), ProtectionAnswer, key),
    async getLatest(key) {
      try {
        return await reader.bytes(named('latest', key), key);
      } catch (error) {
        if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
        throw error;
      }
    },
  };
}

function escaped(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

class GrantedReader {
  readonly #client: VaultClient;
  readonly #purpose: Purpose;
  #grant: Promise<string>;

  constructor(source: VaultSource, stop: AbortSignal | null) {
    this.#client = new VaultClient(source.access, stop);
    this.#purpose = source.purpose;
    this.#grant = Promise.resolve(source.grant);
  }

  bytes(asked: Asked, key: string): Promise<Buffer> {
    return this.#granted((grant) => this.#client.bytes({ ...asked, grant }), key);
  }

  json<T>(asked: Asked, shape: z.ZodType<T>, key = ''): Promise<T> {
    return this.#granted((grant) => this.#client.json({ ...asked, grant }, shape), key);
  }

  async #granted<T>(ask: (grant: string) => Promise<T>, key: string): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      const held = this.#grant;
      try {
        return await ask(await held);
      } catch (error) {
        if (!(error instanceof VaultRefusal) || tries === patience) throw error;
        if (error.reason === 'not_found') throw new StoreError('STORE_NOT_FOUND', `no object ${key}`);
        if (error.reason === 'grant_expired' || error.reason === 'grant_unknown') {
          // Others wait for the same new one. A reading that takes longer than a grant is recorded again.
          if (this.#grant === held) this.#grant = this.#renewed();
        } else if (error.reason === 'overloaded') {
          await sleep(Math.min(firstWaitMs * 2 ** tries, error.retryAfterMs ?? 1000));
        } else throw error;
      }
    }
  }

  async #renewed(): Promise<string> {
    return (await grantFor(this.#client, this.#purpose)).grant;
  }
}
