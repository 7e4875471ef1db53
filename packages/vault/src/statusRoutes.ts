/** Owns the HTTP paths that say how the vault is: health and metrics for all, status and reels for callers who may. */
import type { HealthVerdict } from '@pgtape/process';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { isReelName } from './archive.ts';
import type { Authenticator } from './authenticator.ts';
import { HttpRefusal } from './httpRefusal.ts';
import type { ReelTail } from './reelTail.ts';

export interface StatusSources {
  readonly live: () => HealthVerdict;
  readonly ready: () => HealthVerdict;
  readonly metrics: () => Promise<string>;
  readonly status: () => object;
  readonly tailOf: (reel: string, recorder: string | null) => Promise<ReelTail | null>;
}

const ReelQuery = z.strictObject({ recorder: z.string().max(64).optional() });

export function addStatusRoutes(
  app: FastifyInstance,
  sources: StatusSources,
  authenticator: Authenticator,
): void {
  const answer = (verdict: HealthVerdict, reply: FastifyReply): FastifyReply =>
    reply.code(verdict.ok ? 200 : 503).send({ ok: verdict.ok, reasons: verdict.reasons });
  app.get('/livez', (_request, reply) => answer(sources.live(), reply));
  app.get('/readyz', (_request, reply) => answer(sources.ready(), reply));
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await sources.metrics()),
  );
  app.get('/v1/status', async (request) => {
    await authenticator.allowed(request.raw, 'status');
    return sources.status();
  });
  app.get<{ Params: { reel: string } }>('/v1/reels/:reel', async (request, reply) => {
    await authenticator.allowed(request.raw, 'status');
    return await answerReel(request.params.reel, request.query, reply, sources);
  });
}

async function answerReel(
  reel: string,
  query: unknown,
  reply: FastifyReply,
  sources: StatusSources,
): Promise<FastifyReply> {
  const asked = ReelQuery.safeParse(query);
  const recorder = asked.data?.recorder ?? null;
  if (!asked.success || !isReelName(recorder ?? '0'.repeat(16), reel)) {
    throw new HttpRefusal('bad_request', 'ask for /v1/reels/<32 hex digits>?recorder=<16 hex digits>');
  }
  let tail: ReelTail | null;
  try {
    tail = await sources.tailOf(reel, recorder);
  } catch (error) {
    throw new HttpRefusal('store', error instanceof Error ? error.message : String(error), 5);
  }
  if (tail === null) throw new HttpRefusal('not_found', `no segment of reel ${reel}`);
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
