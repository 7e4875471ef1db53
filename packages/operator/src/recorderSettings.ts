/**
 * Owns what a recorder in a pod is configured with: one text for all pods of a RecordedDatabase, and environment
 * variables for what differs by capture mode and pod. Pure.
 */
import { bytesOf } from './apiFields.ts';
import type { AchievableMode } from './capturePlan.ts';
import { HEALTH_PORT, paths, RECORDER_PORT } from './podPlaces.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

/** Where evidence goes. */
export interface VaultPlace {
  /** OTLP/gRPC, `https://...`. */
  readonly url: string;
}

const tlsModes = {
  Mirror: 'mirror',
  Disable: 'disable',
  Require: 'require',
  VerifyCA: 'verify-ca',
  VerifyFull: 'verify-full',
} as const;

/**
 * The kubelet tells a sidecar to stop when the database has ended, and gives a pod 30 s for both by default; what then was not
 * acknowledged stays in the outbox.
 */
const STOP_GRACE_SECONDS = 25;

/** Of its volume: beyond 100 %, the kubelet evicts the pod, and with it the database. */
const shareOfVolume = 0.8;

const lower = (word: string): 'pause' | 'refuse' | 'pass' =>
  word.toLowerCase() as 'pause' | 'refuse' | 'pass';

/** JSON, which is YAML; keys as in docs/configuration.md. */
export function recorderSettings(database: string, spec: RecordedDatabaseSpec, vault: VaultPlace): string {
  const { upstream, spool, capture, coverage, tlsSecretName } = spec;
  const onFull = spool.onFull ?? (spec.enforcement.admission === 'Required' ? 'Pause' : 'Pass');
  const isTls = vault.url.startsWith('https:');
  return JSON.stringify({
    name: database,
    listen:
      tlsSecretName === undefined
        ? {}
        : { tls: { certFile: `${paths.tls}/tls.crt`, keyFile: `${paths.tls}/tls.key` } },
    upstream: {
      port: capture.port,
      tls: {
        mode: tlsModes[upstream.tlsMode],
        ...(upstream.caRef === undefined ? {} : { caFile: `${paths.upstreamCa}/ca.crt` }),
      },
    },
    trustUpstream: upstream.trust,
    ...(capture.rawPeers === undefined ? {} : { rawLanes: capture.rawPeers }),
    ...(coverage.credentialsRef === undefined
      ? {}
      : {
          coverage: {
            credentialsDir: paths.coverage,
            periodSeconds: coverage.periodSeconds,
            ...(coverage.allow === undefined ? {} : { allow: coverage.allow }),
          },
        }),
    spool: { dir: paths.outbox, maxBytes: Math.floor(bytesOf(spool.outboxSize) * shareOfVolume) },
    journal: { dir: paths.journal, maxBytes: Math.floor(bytesOf(spool.journalSize) * shareOfVolume) },
    failure: { onSpoolFull: lower(onFull) },
    // Over plaintext anyone on the way could take the token.
    vault: {
      url: vault.url,
      ...(isTls ? { caFile: `${paths.vault}/ca.crt`, tokenFile: `${paths.vault}/token` } : {}),
    },
    stopGraceSeconds: STOP_GRACE_SECONDS,
    health: { host: '0.0.0.0', port: HEALTH_PORT },
  });
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

/**
 * Environment of the recorder; `$(POD_IP)` and `$(POD_IPS)` are filled in by the kubelet. PostgreSQL is always dialled
 * from 127.0.0.2, which no rule of a stock pg_hba.conf trusts (R6), but where it is reached by the pod's own address.
 */
export function modeEnvironment(mode: AchievableMode, port: number): EnvironmentVariable[] {
  const set = (key: string, value: string): EnvironmentVariable => ({
    name: `PGTAPE_RECORDER_${key}`,
    value,
  });
  const swapped = '127.0.0.2';
  const capture = [set('CAPTURE_MODE', mode), set('CAPTURE_PORT', String(port))];
  switch (mode) {
    case 'AddressSwap':
      return [
        ...capture,
        set('LISTEN_HOST', '127.0.0.1'),
        set('LISTEN_PORT', String(port)),
        // In quotes: YAML takes a bare address that ends in `::` for the key of a mapping.
        set('LISTEN_OTHERS', '["::1,$(POD_IPS)"]'),
        set('UPSTREAM_HOST', swapped),
        set('UPSTREAM_LOCAL_ADDRESS', swapped),
      ];
    case 'Redirect':
      // Redirected connections arrive at whatever address they were sent to; PostgreSQL is dialled where no rule redirects
      // the recorder's own user.
      return [
        ...capture,
        set('LISTEN_HOST', '0.0.0.0'),
        set('LISTEN_PORT', String(RECORDER_PORT)),
        set('LISTEN_OTHERS', '["::"]'),
        set('UPSTREAM_HOST', '$(POD_IP)'),
      ];
    case 'NamedPort':
    case 'Service':
      return [
        ...capture,
        set('LISTEN_HOST', '0.0.0.0'),
        set('LISTEN_PORT', String(RECORDER_PORT)),
        set('LISTEN_OTHERS', '["::"]'),
        set('UPSTREAM_HOST', '127.0.0.1'),
        set('UPSTREAM_LOCAL_ADDRESS', swapped),
      ];
  }
}
