/** The shape of what a vault answers to `/v1/status`. What a newer vault says beside it is kept, and shown with `-o json`. */
import { EnrolmentMethod } from '@pgtape/evidence';
import type { VaultStatus } from '@pgtape/vault';
import { z } from 'zod';

const count = z.int().nonnegative();
const ms = z.number();

const reel = z.looseObject({
  reel: z.string(),
  recorder: z.string(),
  name: z.string(),
  state: z.enum(['open', 'silent', 'crashed']),
  enrolled: z.looseObject({ method: EnrolmentMethod, name: z.string() }),
  segment: count,
  quiet_ms: ms,
  lag_ms: ms.nullable(),
  heartbeat_ms: ms,
  missing: count.nullable(),
  skew_ms: ms.nullable(),
  skew_bound_ms: ms.nullable(),
});

const alert = z.looseObject({
  reason: z.string(),
  reel: z.string().exactOptional(),
  detail: z.string(),
  since: z.iso.datetime(),
});

const log = z.looseObject({
  origin: z.string(),
  size: count,
  pending: count,
  checkpoint_at: z.iso.datetime().nullable(),
  checkpoint_age_ms: ms.nullable(),
  vkey: z.string().nullable(),
  fenced: z.boolean(),
});

export const VaultStatusShape: z.ZodType<VaultStatus> = z.looseObject({
  ready: z.boolean(),
  reasons: z.array(z.string()),
  name: z.string(),
  archive: z.looseObject({
    store: z.string(),
    lock: z.enum(['strict', 'bypassable', 'none']),
    tamper_evident_only: z.boolean(),
    probe: z.array(z.looseObject({})),
    retention: z.union([z.looseObject({}), z.literal(false)]),
  }),
  holds_lock: z.boolean(),
  holds: z.looseObject({ active: count, enforced: z.boolean() }),
  log,
  own_reel: z.looseObject({ waiting: count }),
  reels: z.looseObject({
    ...{ open: count, silent: count, crashed: count, more: count },
    list: z.array(reel),
  }),
  alerts: z.array(alert),
  otlp: z.looseObject({ host: z.string(), port: count }),
  receive: z.looseObject({ inflight_bytes: count, reels_known: count }),
  forward: z.looseObject({ url: z.string(), queue_bytes: count }).nullable(),
  tail: z.looseObject({ clients: count }),
});
