/** Owns `GET /v1/tail`: the live view, for who has a grant to it. It refuses to wait for a slow client. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Grant } from './grants.ts';
import { type HttpReason, HttpRefusal } from './httpRefusal.ts';
import type { LiveTail, TailFilter } from './liveTail.ts';
import { grantOf, type Reading } from './objectRoutes.ts';

const TailQuery = z.strictObject({
  session: z.string().max(64).optional(),
  kinds: z.string().max(400).optional(),
});

/** Whose a token is cannot be said now. */
const unknowable: ReadonlySet<HttpReason> = new Set(['api_unreachable', 'reviews_limited']);
/** What changes about a caller counts within this. */
const LOOK_MS = 1000;

/**
 * A view that is open when its grant ends stays open: the record says when it began. It ends when its caller would not be
 * let in any more: his token was taken back, or his certificate names him no longer.
 */
export function addTailRoute(
  app: FastifyInstance,
  reading: Reading,
  tail: LiveTail,
  clientsMax: number,
): void {
  app.get('/v1/tail', async (request, reply) => {
    const grant = await grantOf(request, reading);
    if (grant.action !== 'tail') throw new HttpRefusal('outside_scope', 'the grant is not for a tail');
    const asked = TailQuery.safeParse(request.query);
    if (!asked.success) {
      throw new HttpRefusal('bad_request', 'ask for /v1/tail?session=<id>&kinds=<kind>,<kind>');
    }
    const { session = grant.scope.session ?? undefined, kinds } = asked.data;
    if (grant.scope.session !== null && session !== grant.scope.session) {
      throw new HttpRefusal('outside_scope', 'the grant is for another session');
    }
    if (tail.clients >= clientsMax) {
      const message = `${tail.clients} clients watch already (tail.clientsMax)`;
      throw new HttpRefusal('too_many_clients', message, 5);
    }
    const filter: TailFilter = {
      ...(session === undefined ? {} : { session }),
      ...(kinds === undefined ? {} : { kinds: new Set(kinds.split(',')) }),
    };
    reply.hijack();
    follow(reply.raw, filter, tail, () => barred(request, grant, reading));
    return reply;
  });
}

/** Why the view's caller would not be let in now; null: he would. */
async function barred(
  { raw }: FastifyRequest,
  { who }: Grant,
  { authenticator }: Reading,
): Promise<HttpReason | null> {
  try {
    const { name } = await authenticator.allowed(raw, 'read');
    // A token that was given to somebody else is no longer his.
    return name === who ? null : 'unauthenticated';
  } catch (error) {
    // Who was let in stays while nobody can be asked.
    if (error instanceof HttpRefusal) return unknowable.has(error.reason) ? null : error.reason;
    return 'internal';
  }
}

function follow(
  raw: ServerResponse,
  filter: TailFilter,
  tail: LiveTail,
  barredNow: () => Promise<HttpReason | null>,
): void {
  raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  raw.flushHeaders();
  const client = tail.join(
    {
      get writableLength() {
        return raw.writableLength;
      },
      write: (bytes) => {
        raw.write(bytes);
      },
    },
    filter,
  );
  const leave = (): void => {
    clearInterval(timer);
    client.leave();
  };
  const timer = setInterval(async () => {
    const reason = await barredNow();
    if (reason === null || raw.destroyed) return;
    leave();
    // Whoever takes nothing is not waited for.
    raw.end(`{"ended":"${reason}"}\n`, () => raw.destroy());
    raw.setTimeout(LOOK_MS, () => raw.destroy());
  }, LOOK_MS);
  raw.on('drain', () => client.drained());
  raw.on('error', leave);
  raw.on('close', leave);
}
