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
  const answer = await client.json<{ grant: string; store: StoreCapabilities }>({
    method: 'POST',
    path: '/v1/grants',
    body,
  });
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
  async function* pages<T extends { key: string }>(kind: string, prefix: string): AsyncGenerator<T> {
    for (let after: string | null = ''; after !== null; ) {
      const asked = query(`/v1/${kind}`, { prefix, after, limit: String(pageObjects) });
      const page: { objects: T[]; next: string | null } = await reader.json(asked);
      yield* page.objects;
      after = page.next;
    }
  }
  return {
    capabilities: source.capabilities,
    get: (key, version) => reader.bytes(named('objects', key, version), key),
    async has(key) {
      for await (const object of pages<StoredObject>('objects', key)) return object.key === key;
      return false;
    },
    list: (prefix) => pages<StoredObject>('objects', prefix),
    listVersions: (prefix) => pages<StoredVersion>('versions', prefix),
    protectionOf: (key, version) => reader.json<Protection>(named('protection', key, version), key),
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

  json<T>(asked: Asked, key = ''): Promise<T> {
    return this.#granted((grant) => this.#client.json<T>({ ...asked, grant }), key);
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
