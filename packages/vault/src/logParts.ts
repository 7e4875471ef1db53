/**
 * Owns joining the log to the configuration and the clocks, and what follows when it is published, is not, or a
 * witness fails: metric, log, alert. It decides nothing.
 */
import { resolve } from 'node:path';
import { ConfigError, systemClock } from '@pgtape/process';
import { nodeDisk, type Store } from '@pgtape/store';
import { TlogError } from '@pgtape/tlog';
import type { Logger } from 'pino';
import type { ArchiveLock } from './archiveLock.ts';
import { stateDirOf } from './archivePlace.ts';
import type { VaultConfig } from './config.ts';
import { longestMs, retentionRules } from './retention.ts';
import { VaultError } from './vaultError.ts';
import { makeVaultLog, type VaultLog, type VaultLogEvents } from './vaultLog.ts';
import type { VaultParts } from './vaultParts.ts';
import type { StatusLog } from './vaultStatus.ts';

/** `parts`: null while they are not made yet; nothing is published then. */
export function logEvents(parts: () => VaultParts | null, log: Logger): VaultLogEvents {
  return {
    published: (size) => log.debug({ size }, 'the log is published'),
    failed: (error) => {
      const fenced = parts()?.vaultLog.sequencer.fenced === true;
      const reason = fenced ? 'log_fenced' : codeOf(error);
      parts()?.metrics.logFailed(reason);
      if (fenced) parts()?.alerts.raise('log_fenced', error.message);
      const message = fenced
        ? 'another writer has the log; nothing is acknowledged any more'
        : 'the log was not published; trying again, and what is acknowledged is in its journal';
      log.error({ err: error, reason }, message);
    },
    witnessFailed: (witness, reason, detail) => {
      parts()?.metrics.witnessFailed(reason);
      log.warn({ witness, reason, detail }, 'a witness did not cosign the checkpoint');
    },
    warn: (message) => log.warn(message),
  };
}

/** The vault's log, not yet recovered. @throws VaultError, ConfigError */
export async function openLogOf(
  config: VaultConfig,
  store: Store,
  lock: ArchiveLock,
  events: VaultLogEvents,
): Promise<VaultLog> {
  const rules = retentionRules(config.archive.retention);
  const clock = systemClock();
  const nowMs = (): number => clock.wallUs() / 1000;
  const keeps = rules !== null && store.capabilities.retention;
  try {
    return await makeVaultLog({
      config: config.tlog,
      store,
      stateDir: resolve(stateDirOf(config)),
      disk: nodeDisk,
      holdsLock: () => lock.held(),
      nowMs,
      retainUntil: () => (keeps ? nowMs() + longestMs(rules) : null),
      events,
    });
  } catch (error) {
    if (error instanceof VaultError || error instanceof ConfigError) throw error;
    throw new VaultError('ARCHIVE_UNUSABLE', `the log cannot be begun: ${String(error)}`, error);
  }
}

/** For `/v1/status`. `nowMs`: wall clock. */
export function logStatus({ origin, vkeys, sequencer, checkpointAt }: VaultLog, nowMs: number): StatusLog {
  const at = checkpointAt();
  return {
    origin,
    size: sequencer.publishedSize,
    pending: sequencer.pending,
    checkpoint_at: at === null ? null : new Date(at).toISOString(),
    checkpoint_age_ms: at === null ? null : Math.max(0, Math.round(nowMs - at)),
    vkey: vkeys[0] ?? null,
    fenced: sequencer.fenced,
  };
}

function codeOf(error: Error): string {
  if (error instanceof TlogError) return error.code.toLowerCase();
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'internal';
}
