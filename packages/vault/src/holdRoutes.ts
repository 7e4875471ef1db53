/**
 * Owns the HTTP paths of legal holds and of retention: who may, what is asked, and how refusals are answered.
 * It refuses to decide about holds.
 */
import { HoldId, type ReleaseRequest, type ReleaseSignature, releaseText } from '@pgtape/evidence';
import { StoreError } from '@pgtape/store';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Authenticator } from './authenticator.ts';
import { HoldRefusal, HoldRequest, ReleaseBody } from './holdRequest.ts';
import type { Holds } from './holds.ts';
import { HttpRefusal } from './httpRefusal.ts';
import { type RetentionAnswer, RetentionRefusal, RetentionRequest } from './retentionExtension.ts';
import { VaultReelError } from './vaultReel.ts';

export interface HoldSources {
  readonly authenticator: Authenticator;
  readonly holds: Holds;
  readonly extend: (request: RetentionRequest, who: string) => Promise<RetentionAnswer>;
  /** ms since 1970. */
  readonly wallMs: () => number;
}

/** A hold names up to a thousand sessions. */
const bodyLimit = 128 * 1024;

/**
 * Adds `POST` and `GET /v1/holds`, `GET /v1/holds/<id>`, `POST /v1/holds/<id>/release` and its `release-text`, which a second
 * person signs, and `POST /v1/retention`; all for callers who may `hold`.
 */
export function addHoldRoutes(app: FastifyInstance, sources: HoldSources): void {
  const { authenticator, holds, extend } = sources;
  app.post('/v1/holds', { bodyLimit }, async (request, reply) => {
    const { name } = await authenticator.allowed(request.raw, 'hold');
    const asked = HoldRequest.safeParse(request.body);
    if (!asked.success) throw malformed('{"case": ..., "reason": ..., "scope": {...}}', asked.error);
    return await answer(reply, 201, () => holds.create(asked.data, name));
  });
  app.get('/v1/holds', async (request, reply) => {
    await authenticator.allowed(request.raw, 'hold');
    return await answer(reply, 200, async () => ({ holds: await holds.views() }));
  });
  app.get<{ Params: { id: string } }>('/v1/holds/:id', async (request, reply) => {
    await authenticator.allowed(request.raw, 'hold');
    return await answer(reply, 200, () => holds.view(request.params.id));
  });
  app.post<{ Params: { id: string } }>('/v1/holds/:id/release', async (request, reply) => {
    const { name } = await authenticator.allowed(request.raw, 'hold');
    return await answer(reply, 200, async () => {
      const asked = askedOf(request.params.id, request.body, name, sources);
      return await holds.release(asked.request, asked.second);
    });
  });
  app.post<{ Params: { id: string } }>('/v1/holds/:id/release-text', async (request, reply) => {
    const { name } = await authenticator.allowed(request.raw, 'hold');
    return await answer(reply, 200, async () => {
      const asked = askedOf(request.params.id, request.body, name, sources);
      const hold = await holds.view(asked.request.hold);
      return { text: releaseText(asked.request), second_needed: hold.dual_control };
    });
  });
  app.post('/v1/retention', async (request, reply) => {
    const { name } = await authenticator.allowed(request.raw, 'hold');
    const asked = RetentionRequest.safeParse(request.body);
    if (!asked.success) throw malformed('{"reason": ..., "until": ..., "scope": {...}}', asked.error);
    return await answer(reply, 200, () => extend(asked.data, name));
  });
}

interface AskedRelease {
  readonly request: ReleaseRequest;
  readonly second: ReleaseSignature | null;
}

function askedOf(id: string, body: unknown, who: string, { wallMs }: HoldSources): AskedRelease {
  const asked = ReleaseBody.safeParse(body);
  const hold = HoldId.safeParse(id);
  if (!asked.success) throw malformed('{"reason": ..., "asked"?: ..., "second"?: {...}}', asked.error);
  if (!hold.success) throw new HttpRefusal('hold_unknown', `no hold ${id.slice(0, 64)}`);
  const { reason, second } = asked.data;
  const at = asked.data.asked ?? `${Math.floor(wallMs())}000000`;
  return { request: { hold: hold.data, reason, who, at }, second: second ?? null };
}

async function answer(
  reply: FastifyReply,
  status: number,
  act: () => Promise<object>,
): Promise<FastifyReply> {
  try {
    return await reply
      .code(status)
      .header('cache-control', 'no-store')
      .send(await act());
  } catch (error) {
    throw refusalOf(error);
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof HoldRefusal || error instanceof RetentionRefusal) {
    return new HttpRefusal(error.reason, error.message);
  }
  if (error instanceof VaultReelError) {
    const message =
      'it could not be written down in time, and may be in force all the same: look before you ask again';
    return new HttpRefusal('hold_not_recorded', message, 5);
  }
  return error instanceof StoreError ? new HttpRefusal('store', error.message, 5) : error;
}

function malformed(
  shape: string,
  error: { issues: readonly { path: PropertyKey[]; message: string }[] },
): HttpRefusal {
  const [first] = error.issues;
  const where = first === undefined ? '' : `; ${first.path.map(String).join('.')}: ${first.message}`;
  return new HttpRefusal('bad_request', `send ${shape}${where}`);
}
