/**
 * Owns the HTTP paths by which evidence is read: a grant, then objects within it. It refuses to give a byte for which
 * there is no record.
 */
import { assertKey, type Store, StoreError } from '@pgtape/store';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Authenticator } from './authenticator.ts';
import { covers, GrantRequest } from './grantScope.ts';
import type { Grant, Grants } from './grants.ts';
import { HttpRefusal } from './httpRefusal.ts';
import { pageOf } from './objectPages.ts';
import type { ReadBudget } from './readBudget.ts';

/** What the paths need of the vault. */
export interface Reading {
  readonly authenticator: Authenticator;
  readonly grants: Grants;
  readonly store: Store;
  readonly budget: ReadBudget;
  /** A reader who takes nothing for so long is cut off. */
  readonly stallMs: number;
  /** Milliseconds since 1970 of a monotonic moment, for people. */
  readonly wallOf: (monoMs: number) => number;
  readonly onGranted: (grant: Grant) => void;
  readonly onServed: (bytes: number) => void;
}

const LIST_MAX = 10_000;

const ListQuery = z.strictObject({
  prefix: z.string().max(1024).default(''),
  after: z.string().max(1024).default(''),
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(1000),
});

const ObjectQuery = z.strictObject({ version: z.string().max(1024).optional() });

interface KeyParams {
  Params: { '*': string };
}

/**
 * Adds `POST /v1/grants`; `GET /v1/objects` and `/v1/versions`, in pages; `GET /v1/objects/<key>`, `/v1/latest/<key>` and
 * `/v1/protection/<key>`.
 */
export function addObjectRoutes(app: FastifyInstance, reading: Reading): void {
  addGrantRoute(app, reading);
  for (const kind of ['objects', 'versions'] as const) {
    app.get(`/v1/${kind}`, async (request, reply) => {
      const grant = await grantOf(request, reading);
      const asked = ListQuery.safeParse(request.query);
      if (!asked.success) {
        throw malformed(`/v1/${kind}?prefix=<start of keys>&after=<key>&limit=<1 to ${LIST_MAX}>`);
      }
      const { prefix, after, limit } = asked.data;
      const page = await stored(() => pageOf(kind, reading.store, grant, prefix, after, limit));
      return await reply.header('cache-control', 'no-store').send(page);
    });
  }
  for (const [kind, read] of Object.entries(reads)) {
    app.get<KeyParams>(`/v1/${kind}/*`, async (request, reply) => {
      const grant = await grantOf(request, reading);
      const key = request.params['*'];
      const asked = ObjectQuery.safeParse(request.query);
      if (!asked.success) throw malformed(`/v1/${kind}/<key>?version=<version>`);
      await stored(async () => assertKey(key));
      if (!covers(grant.scope, key)) {
        throw new HttpRefusal('outside_scope', 'the grant does not cover this object');
      }
      return await read(key, asked.data.version, grant, reply, reading);
    });
  }
}

function addGrantRoute(app: FastifyInstance, reading: Reading): void {
  app.post('/v1/grants', async (request, reply) => {
    const caller = await reading.authenticator.callerOf(request.raw);
    const asked = GrantRequest.safeParse(request.body);
    if (!asked.success)
      throw malformed('{"action": ..., "what": ..., "why": ..., "session"?: ..., "reel"?: ...}');
    const grant = await reading.grants.open(caller, asked.data);
    reading.onGranted(grant);
    const { session, reel } = grant.scope;
    return await reply.code(201).send({
      grant: grant.id,
      scope: session !== null ? { session } : reel === '' ? { all: true } : { reel },
      expires: new Date(reading.wallOf(grant.endsAt)).toISOString(),
      store: reading.store.capabilities,
    });
  });
}

/** The grant a request shows, of the caller it comes from. Rejects with HttpRefusal. */
export async function grantOf(request: FastifyRequest, { authenticator, grants }: Reading): Promise<Grant> {
  const shown = request.headers['pgtape-grant'];
  const caller = await authenticator.callerOf(request.raw);
  return grants.find(caller, typeof shown === 'string' ? shown : undefined);
}

type Read = (
  key: string,
  version: string | undefined,
  grant: Grant,
  reply: FastifyReply,
  reading: Reading,
) => Promise<FastifyReply>;

const reads: Readonly<Record<'objects' | 'latest' | 'protection', Read>> = {
  objects: (key, version, grant, reply, reading) =>
    answerBytes(() => reading.store.get(key, version), grant, reply, reading),
  latest: (key, _version, grant, reply, reading) =>
    answerBytes(() => reading.store.getLatest(key), grant, reply, reading),
  protection: async (key, version, _grant, reply, { store }) =>
    await reply.send(await stored(() => store.protectionOf(key, version ?? ''))),
};

async function answerBytes(
  read: () => Promise<Uint8Array | null>,
  grant: Grant,
  reply: FastifyReply,
  { budget, stallMs, onServed }: Reading,
): Promise<FastifyReply> {
  const share = budget.take(grant.who);
  if (share === null) throw new HttpRefusal('overloaded', 'too many bytes are being read already', 1);
  reply.raw.once('close', () => share.end());
  const bytes = await stored(read);
  if (bytes === null) throw new HttpRefusal('not_found', 'there is no such object');
  share.is(bytes.length);
  // The bytes are let go only when the reader's side has taken them, so a slow one slows himself.
  reply.raw.setTimeout(stallMs, () => reply.raw.destroy());
  onServed(bytes.length);
  return await reply
    .header('content-type', 'application/octet-stream')
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(bytes);
}

/** Turns what the store says into an answer. */
async function stored<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'STORE_NOT_FOUND') throw new HttpRefusal('not_found', 'there is no such object');
    if (error.code === 'STORE_KEY') throw malformed('keys: names of [A-Za-z0-9._-] joined by /');
    throw new HttpRefusal('store', error.message, 5);
  }
}

function malformed(shape: string): HttpRefusal {
  return new HttpRefusal('bad_request', `ask for ${shape}`);
}
