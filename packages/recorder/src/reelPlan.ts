/**
 * Derives from the configuration what a new reel says about itself and what the evidence worker is told. Pure
 * but for its ids.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { policyDigest } from '@pgtape/evidence';
import { bootId } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import type { ReelEntry } from './journalFormat.ts';
import type { JournalRoom } from './journalRoom.ts';
import type { Spool } from './spool.ts';
import { socketPath } from './upstream.ts';
import type { CoveragePlan, TypesPlan, WorkerPlan } from './workerPlan.ts';

type TypesConfig = NonNullable<RecorderConfig['types']>;

export function policyOf({ limits, trustUpstream, rawLanes }: RecorderConfig): string {
  return policyDigest({ ...limits, trustUpstream, rawLanes });
}

export function newReel(config: RecorderConfig, spool: Spool, wallUs: number, version: string): ReelEntry {
  return {
    reel: randomBytes(16).toString('hex'),
    recorder: spool.recorder,
    seed: randomBytes(16).toString('hex'),
    wallUs,
    policy: policyOf(config),
    name: config.name,
    version,
    upstream: `${config.upstream.host}:${config.upstream.port}`,
    listen: `${config.listen.host}:${config.listen.port}`,
    journal: spool.journal,
    trustUpstream: config.trustUpstream,
    boot: bootId(),
    host: hostname(),
    inspectBytesMax: config.limits.inspectBytesMax,
    pid: process.pid,
  };
}

function typesPlan(types: TypesConfig, upstream: RecorderConfig['upstream']): TypesPlan {
  const { host = upstream.host, port = upstream.port, user, passwordFile, timeoutMs, tls } = types;
  return { host, port, user, passwordFile, timeoutMs, ...(tls === undefined ? {} : { tls }) };
}

export function vaultPlan(config: Pick<RecorderConfig, 'vault'>): WorkerPlan['vault'] {
  const { url, caFile, certFile, keyFile, tokenFile, timeoutMs, enrolment } = config.vault;
  return {
    url,
    timeoutMs,
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(enrolment === undefined ? {} : { enrolment }),
  };
}

/** @param former pids of sessions that an earlier recorder left open */
export function coveragePlan(
  { coverage, upstream }: Pick<RecorderConfig, 'coverage' | 'upstream'>,
  startedMs: number,
  former: readonly number[],
): CoveragePlan | null {
  if (coverage === undefined) return null;
  const { credentialsDir = '', usernameFile, passwordFile, ...settings } = coverage;
  const { database, periodSeconds, timeoutMs, allow } = settings;
  const { host, port, localAddress, tls } = upstream;
  return {
    ...{ host, port, database, periodSeconds, timeoutMs, allow, startedMs, former },
    ...(localAddress === undefined ? {} : { localAddress }),
    tls: {
      mode: socketPath(upstream) === null ? tls.mode : 'disable',
      ...(tls.caFile === undefined ? {} : { caFile: tls.caFile }),
      ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
    },
    usernameFile: usernameFile ?? join(credentialsDir, 'username'),
    passwordFile: passwordFile ?? join(credentialsDir, 'password'),
  };
}

export function workerPlan(
  config: RecorderConfig,
  spool: Spool,
  reel: string,
  progress: SharedArrayBuffer,
  room: JournalRoom,
): WorkerPlan {
  return {
    journalDir: spool.journalDir,
    outboxDir: spool.outboxDir,
    reel,
    segment: config.segment,
    limits: { sqlBytesMax: config.limits.sqlBytesMax, paramBytesMax: config.limits.paramBytesMax },
    vault: vaultPlan(config),
    heartbeatSeconds: config.heartbeatSeconds,
    progress,
    room: { snapshotBytes: room.snapshotBytes, reserveBytes: room.reserveBytes },
    formerJournalDirs: spool.former.found,
    ...(config.types === undefined ? {} : { types: typesPlan(config.types, config.upstream) }),
  };
}
