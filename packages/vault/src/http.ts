/**
 * Owns the vault's HTTP face: health, metrics, the live tail, what is known of a reel. It refuses to change
 * anything.
 *
 * It asks nobody who they are: authentication comes with enrolment. Until then it listens on loopback by
 * default, and there it answers only requests that name loopback, so that a web page whose name was rebound
 * to 127.0.0.1 reads nothing.
 */
import type { ServerResponse } from 'node:http';
import type { HealthVerdict } from '@pgtape/process';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { isReelName } from './archive.ts';
import type { LiveTail, TailFilter } from './liveTail.ts';
import type { ReelTail } from './reelTail.ts';

export interface HttpSources {
  readonly live: () => HealthVerdict;
  readonly ready: () => HealthVerdict;
  readonly metrics: () => Promise<string>;
  readonly status: () => object;
  readonly tailOf: (reel: string, recorder: string | null) => Promise<ReelTail | null>;
  readonly tail: LiveTail;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly tailClientsMax: number;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const loopback = /^(127(\.\d{1,3}){3}|::1|localhost)$/i;
const namesLoopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)(:\d{1,5})?$/i;

const TailQuery = z.strictObject({
  session: z.string().max(64).optional(),
  kinds: z.string().max(400).optional(),
});
const ReelQuery = z.strictObject({ recorder: z.string().max(64).optional() });

/** Rejects with what listen(2) said. */
export async function startHttp(options: HttpOptions, sources: HttpSources): Promise<HttpServer> {
  const app = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 1024 });
  if (loopback.test(options.host)) {
    app.addHook('onRequest', async (request, reply) => {
      if (!namesLoopback.test(request.headers.host ?? '')) {
        await reply
          .code(421)
          .send({ error: 'not_loopback', message: 'ask for 127.0.0.1, [::1] or localhost' });
      }
    });
  }
  addHealth(app, sources);
  app.get('/v1/status', () => sources.status());
  app.get<{ Params: { reel: string } }>('/v1/reels/:reel', (request, reply) =>
    answerReel(request.params.reel, request.query, reply, sources),
  );
  app.get('/v1/tail', (request, reply) => answerTail(request, reply, options, sources.tail));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not_found' }));
  app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ error: 'internal' }));
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await app.close();
    throw error;
  }
  const bound = app.server.address();
  const { address, port } =
    typeof bound === 'object' && bound !== null ? bound : { address: options.host, port: 0 };
  return { host: address, port, close: () => app.close() };
}

function addHealth(app: FastifyInstance, sources: HttpSources): void {
  const answer = (verdict: HealthVerdict, reply: FastifyReply): FastifyReply =>
    reply.code(verdict.ok ? 200 : 503).send({ ok: verdict.ok, reasons: verdict.reasons });
  app.get('/livez', (_request, reply) => answer(sources.live(), reply));
  app.get('/readyz', (_request, reply) => answer(sources.ready(), reply));
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await sources.metrics()),
  );
}

async function answerReel(
  reel: string,
  query: unknown,
  reply: FastifyReply,
  sources: HttpSources,
): Promise<FastifyReply> {
  const asked = ReelQuery.safeParse(query);
  const recorder = asked.data?.recorder ?? null;
  if (!asked.success || !isReelName(recorder ?? '0'.repeat(16), reel)) {
    const message = 'ask for /v1/reels/<32 hex digits>?recorder=<16 hex digits>';
    return reply.code(400).send({ error: 'bad_request', message });
  }
  let tail: ReelTail | null;
  try {
    tail = await sources.tailOf(reel, recorder);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return reply.code(503).send({ error: 'archive', message });
  }
  if (tail === null)
    return reply.code(404).send({ error: 'not_found', message: `no segment of reel ${reel}` });
  return reply.send({
    reel: tail.reel,
    recorder: tail.recorder,
    segment: tail.segment,
    seal: tail.sealDigest,
    last_seq: tail.lastSeq,
    next_key: tail.nextKey,
    recovery_key: tail.recoveryKey,
    recovered: tail.recovered,
    closed: tail.closed,
  });
}

function answerTail(
  request: FastifyRequest,
  reply: FastifyReply,
  options: HttpOptions,
  tail: LiveTail,
): FastifyReply {
  const asked = TailQuery.safeParse(request.query);
  if (!asked.success) {
    const message = 'ask for /v1/tail?session=<id>&kinds=<kind>,<kind>';
    return reply.code(400).send({ error: 'bad_request', message });
  }
  if (tail.clients >= options.tailClientsMax) {
    const message = `${tail.clients} clients watch already (tail.clientsMax)`;
    return reply.code(503).send({ error: 'too_many_clients', message });
  }
  const { session, kinds } = asked.data;
  const filter: TailFilter = {
    ...(session === undefined ? {} : { session }),
    ...(kinds === undefined ? {} : { kinds: new Set(kinds.split(',')) }),
  };
  reply.hijack();
  follow(reply.raw, filter, tail);
  return reply;
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
