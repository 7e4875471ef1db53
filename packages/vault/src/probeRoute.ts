/**
 * Owns `POST /v1/probes`: what a caller's `pgtape doctor archive` saw becomes a record of his name. It refuses to believe
 * it: the report changes no alert, no verdict and nothing the vault knows of its own archive.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Authenticator } from './authenticator.ts';
import type { Caller } from './callers.ts';
import { HttpRefusal } from './httpRefusal.ts';
import type { AppendedRecord } from './ownSealer.ts';

const Report = z.strictObject({
  store: z.string().min(1).max(1024),
  lock: z.enum(['strict', 'bypassable', 'none']),
  results: z
    .array(
      z.strictObject({
        test: z.string().regex(/^[a-z_]{1,40}$/),
        outcome: z.enum(['refused_by_lock', 'refused_by_permission', 'allowed', 'unknown']),
        detail: z.string().max(1000),
      }),
    )
    .min(1)
    .max(32),
});

/** A `probe` record but for its times. */
export interface ReportedProbe extends z.infer<typeof Report> {
  readonly at_start: false;
  readonly who: string;
  readonly method: Caller['method'];
}

export interface ProbeSources {
  readonly authenticator: Authenticator;
  /** Resolves when the record is durable. */
  readonly record: (probe: ReportedProbe) => Promise<AppendedRecord>;
}

/** For callers who may `probe`; answers which record of the vault's reel it became, and the SHA-256 of its line. */
export function addProbeRoute(app: FastifyInstance, { authenticator, record }: ProbeSources): void {
  app.post('/v1/probes', { bodyLimit: 64 * 1024 }, async (request, reply) => {
    const { name: who, method } = await authenticator.allowed(request.raw, 'probe');
    const report = Report.safeParse(request.body);
    if (!report.success) {
      const message = 'send {"store": ..., "lock": ..., "results": [{"test", "outcome", "detail"}, ...]}';
      throw new HttpRefusal('bad_request', message);
    }
    let appended: AppendedRecord;
    try {
      appended = await record({ at_start: false, who, method, ...report.data });
    } catch {
      // The cause is the vault's own affair and stands in its log.
      const message = 'the report could not be written down in time, and may be on record all the same';
      throw new HttpRefusal('probe_not_recorded', message, 5);
    }
    return await reply.code(201).header('cache-control', 'no-store').send(appended);
  });
}
