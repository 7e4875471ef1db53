/** Owns `GET /v1/tail`: the live view, for who has a grant to it. It refuses to wait for a slow client. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HttpRefusal } from './httpRefusal.ts';
import type { LiveTail, TailFilter } from './liveTail.ts';
import { grantOf, type Reading } from './objectRoutes.ts';

const TailQuery = z.strictObject({
  session: z.string().max(64).optional(),
  kinds: z.string().max(400).optional(),
});

/** A view that is open when its grant ends stays open: the record says when it began. */
export function addTailRoute(
  app: FastifyInstance,
  reading: Reading,
  tail: LiveTail,
  clientsMax: number,
): void {
  app.get('/v1/tail', (request, reply) => {
    const grant = grantOf(request, reading);
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
    follow(reply.raw, filter, tail);
    return reply;
  });
}

function follow(raw: ServerResponse, filter: TailFilter, tail: LiveTail): void {
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
  raw.on('drain', () => client.drained());
  raw.on('error', () => client.leave());
  raw.on('close', () => client.leave());
}
