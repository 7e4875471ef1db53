/**
 * What a running recorder says of itself: `GET /v1/recorder` and `GET /v1/recorder/connection` on its health port. The
 * recorder writes it, the operator reads it. No SQL and no secrets; it is no evidence, which is on tape only.
 */
import { z } from 'zod';
import { count } from './fields.ts';
import { RECENT_BYPASSES_MAX } from './formatNumbers.ts';

/** snake_case, stable. */
const reason = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9_]*$/);
/** RFC 3339 in UTC. */
const time = z.iso.datetime();
/** `10.0.0.7:5432`, `[fd00::7]:5432`. */
const address = z.string().min(1).max(64);
const name = z.string().max(256);

const addressesMax = 32;

/** A server session that no recorder opened, as pg_stat_activity showed it. */
export const SeenBypass = z.object({
  pid: count,
  user: name,
  database: name,
  /** `client_addr`; '' for a unix socket. */
  address: z.string().max(64),
  application: name,
  /** When it was first seen. */
  at: time,
});
export type SeenBypass = z.infer<typeof SeenBypass>;

const Capture = z.object({
  /** Capture mode that the pod was injected for; '' outside a cluster. */
  mode: z.string().max(32),
  /** Whether this recorder found from inside that clients are led through it; null: not looked yet. */
  achieved: z.boolean().nullable(),
  /** Why not; null where it is achieved or not known yet. */
  reason: reason.nullable(),
  /** Where the recorder listens. */
  listeners: z.array(address).max(addressesMax),
  /** Where somebody else listens on PostgreSQL's port and could be reached past the recorder. */
  others: z.array(address).max(addressesMax),
});

const Tls = z.object({
  /** Whether clients are served TLS wherever PostgreSQL would; null: PostgreSQL was not asked yet. */
  matched: z.boolean().nullable(),
  reason: reason.nullable(),
});

/**
 * Counts are since the recorder of `startedAt` began to measure: what ended before, or while it could not compare, is in none of them.
 */
const Coverage = z.object({
  /** `failed`: see `reason`, the counts are of before. */
  state: z.enum(['measured', 'no_credentials', 'failed', 'starting']),
  reason: reason.nullable(),
  /** Sessions that the server had. */
  seen: count,
  /** Those of them that are on tape. */
  recorded: count,
  /** Sessions past the recorder, those shorter than a poll among them. */
  bypasses: count,
  /** Of the last poll that succeeded; null: none did. */
  at: time.nullable(),
  recent: z.array(SeenBypass).max(RECENT_BYPASSES_MAX),
});

const ConfigStatus = z.object({
  /** `config_invalid`: its files hold no configuration that can be used, and the one before is in force. */
  state: z.enum(['current', 'restart_needed', 'config_invalid']),
  /** What the next seals carry. */
  policyHash: z.string().max(64),
  /** Keys of the newest configuration that wait for a start. */
  restartNeeded: z.array(z.string().max(128)).max(64),
});

const VaultLag = z.object({
  /** Age of the oldest evidence that is not acknowledged; 0: there is none. */
  lagSeconds: z.number().nonnegative(),
  pendingSegments: count,
  acknowledgedAt: time.nullable(),
  /** Why nothing is acknowledged; null while it is. */
  reason: reason.nullable(),
});

/** Answer of `GET /v1/recorder`. A newer recorder may say more. */
export const RecorderStatus = z.object({
  version: z.string().max(64),
  reel: z.string().max(64),
  /** Name the recorder is configured with: `namespace/name` of its RecordedDatabase. */
  database: z.string().max(512),
  /** First 16 hex digits of the SHA-256 of the configuration text that it runs with; '' where it runs without one. */
  configHash: z.string().max(64),
  config: ConfigStatus.optional(),
  startedAt: time,
  /** Recorder processes that ran in this pod so far, this one included. */
  recorderStarts: count,
  capture: Capture,
  tls: Tls,
  coverage: Coverage,
  vault: VaultLag,
  spool: z.object({
    /** Why it is full; null while it is not. */
    full: reason.nullable(),
  }),
  /** Of this very endpoint since the start; absent: a recorder that does not tell. */
  health: z
    .object({
      /** Why it could not be had, the last time; null: it always could. */
      reason: reason.nullable(),
      absentSeconds: z.number().nonnegative(),
    })
    .optional(),
  sessions: z.object({ open: count, recorded: count }),
});
export type RecorderStatus = z.infer<typeof RecorderStatus>;

/**
 * Answer of `GET /v1/recorder/connection?from=ADDRESS`, the address as in `listeners`: whether a connection from there
 * is among the last 512 that the recorder accepted.
 */
export const RecorderConnection = z.object({ seen: z.boolean() });
export type RecorderConnection = z.infer<typeof RecorderConnection>;
