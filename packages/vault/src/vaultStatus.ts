/**
 * Owns what `/v1/status` says of the vault: readiness, archive, log, reels and who writes them, alerts that
 * stand. Names in it are for programs and stay. It refuses to change anything.
 */
import type { EnrolmentMethod } from '@pgtape/evidence';
import type { VaultConfig } from './config.ts';
import { logStatus } from './logParts.ts';
import type { ReelStatus } from './reelWatcher.ts';
import type { ListeningAt } from './vault.ts';
import type { VaultParts } from './vaultParts.ts';

/** One reel that has no end. */
export interface StatusReel {
  readonly reel: string;
  readonly recorder: string;
  /** The recorder's name, as it says. */
  readonly name: string;
  readonly state: 'open' | 'silent' | 'crashed';
  readonly enrolled: { readonly method: EnrolmentMethod; readonly name: string };
  /** The last one that came; 0: none did, later ones were refused. */
  readonly segment: number;
  /** Since it came, or since the vault started. */
  readonly quiet_ms: number;
  /** From its sealing to its coming, by both clocks and what is known of their difference; null: it came before the vault started. */
  readonly lag_ms: number | null;
  readonly heartbeat_ms: number;
  /** A segment later ones came without; null: none. */
  readonly missing: number | null;
  /** The recorder's clock less the vault's; null: not known yet. */
  readonly skew_ms: number | null;
  readonly skew_bound_ms: number | null;
}

export interface StatusAlert {
  readonly reason: string;
  /** Absent: it is about the vault, its archive or its log. */
  readonly reel?: string;
  readonly detail: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface StatusLog {
  readonly origin: string;
  /** Leaves under the published checkpoint. */
  readonly size: number;
  /** Leaves that wait for the next one. */
  readonly pending: number;
  /** ISO 8601; null: none was published. */
  readonly checkpoint_at: string | null;
  readonly checkpoint_age_ms: number | null;
  readonly vkey: string | null;
  /** Another writer has the log: nothing is acknowledged. */
  readonly fenced: boolean;
}

export interface VaultStatus {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly name: string;
  readonly archive: {
    readonly store: string;
    readonly lock: 'strict' | 'bypassable' | 'none';
    readonly tamper_evident_only: boolean;
    readonly probe: readonly object[];
    readonly retention: object | false;
  };
  /** False: another vault took the archive over. */
  readonly holds_lock: boolean;
  readonly holds: { readonly active: number; readonly enforced: boolean };
  readonly log: StatusLog;
  /** Records of the vault's own reel that are not stored yet. */
  readonly own_reel: { readonly waiting: number };
  readonly reels: {
    readonly open: number;
    readonly silent: number;
    readonly crashed: number;
    /** Those that want attention first. */
    readonly list: readonly StatusReel[];
    /** How many more there are. */
    readonly more: number;
  };
  readonly alerts: readonly StatusAlert[];
  readonly otlp: ListeningAt;
  readonly receive: { readonly inflight_bytes: number; readonly reels_known: number };
  readonly forward: { readonly url: string; readonly queue_bytes: number } | null;
  readonly tail: { readonly clients: number };
}

/** Reels listed one by one. */
const reelsMax = 1000;

export function statusOf(config: VaultConfig, otlp: ListeningAt, parts: VaultParts): VaultStatus {
  const { receiver, forwarder, tail, holds, store, watcher, health, alerts, reel } = parts;
  const ready = health.ready();
  const reels = watcher.list();
  const { url } = config.forward;
  return {
    ready: ready.ok,
    reasons: ready.reasons,
    name: config.name,
    archive: {
      store: config.archive.store,
      lock: parts.proven.lock,
      tamper_evident_only: parts.proven.lock === 'none',
      probe: parts.proven.results,
      retention: retentionOf(config, parts),
    },
    holds_lock: health.holdsLock,
    holds: { active: holds.activeCount, enforced: store.capabilities.hold },
    log: logStatus(parts.vaultLog, parts.clock.wallUs() / 1000),
    own_reel: { waiting: reel.waiting },
    reels: {
      open: watcher.count('open'),
      silent: watcher.count('silent'),
      crashed: watcher.count('crashed'),
      list: reels.slice(0, reelsMax).map((each) => reelOf(each, parts)),
      more: Math.max(0, reels.length - reelsMax),
    },
    alerts: alerts.list().map(({ reason, reel: about, detail, since }) => ({
      reason,
      ...(about !== undefined && { reel: about }),
      detail,
      since: new Date(since).toISOString(),
    })),
    otlp,
    receive: { inflight_bytes: receiver.inflightBytes, reels_known: receiver.tailsKnown },
    forward: forwarder === null ? null : { url: url ?? '', queue_bytes: forwarder.queueBytes },
    tail: { clients: tail.clients },
  };
}

function reelOf(reel: ReelStatus, { clock, enrolments }: VaultParts): StatusReel {
  const quietMs = clock.monoMs() - reel.arrivedMs;
  const arrivedWallMs = clock.wallUs() / 1000 - quietMs;
  const lagMs = arrivedWallMs - reel.sealedMs + (reel.skew?.skewMs ?? 0);
  return {
    reel: reel.reel,
    recorder: reel.recorder,
    name: reel.name,
    state: reel.state,
    enrolled: enrolments.of(reel.reel),
    segment: reel.segment,
    quiet_ms: Math.round(quietMs),
    lag_ms: reel.seen ? Math.max(0, Math.round(lagMs)) : null,
    heartbeat_ms: reel.heartbeatMs,
    missing: reel.missing,
    skew_ms: reel.skew?.skewMs ?? null,
    skew_bound_ms: reel.skew?.boundMs ?? null,
  };
}

/** False: nothing is locked, because nothing is configured or the store cannot. */
function retentionOf({ archive }: VaultConfig, { store }: VaultParts): object | false {
  return archive.retention !== undefined && store.capabilities.retention ? archive.retention : false;
}
