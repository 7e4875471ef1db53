/** Owns what of the configuration the relay works by: everything that may be another for the sessions that come next. Pure. */
import type { RecorderConfig } from './config.ts';
import { RawLanes } from './rawLanes.ts';
import type { StartupPlan } from './sessionStartup.ts';
import type { OnFull } from './spoolLevel.ts';
import { socketPath } from './upstream.ts';

export interface RelaySettings {
  readonly upstreamTls: StartupPlan['upstream'];
  readonly rawLanes: RawLanes;
  readonly dropChannelBinding: boolean;
  readonly trustUpstream: boolean;
  readonly startupMs: number;
  readonly sessionsMax: number;
  readonly startupsMax: number;
  /** What is done with clients while the spool is full. */
  readonly onFull: OnFull;
}

/** Inside one machine's unix socket PostgreSQL never speaks TLS. */
function upstreamPlan({ upstream }: RecorderConfig): StartupPlan['upstream'] {
  if (socketPath(upstream) !== null || upstream.tls.mode === 'disable') return 'plain';
  return upstream.tls.mode === 'mirror' ? 'mirror' : 'tls';
}

export function relaySettings(config: RecorderConfig): RelaySettings {
  const { startupSeconds, sessionsMax, startupsMax } = config.limits;
  return {
    upstreamTls: upstreamPlan(config),
    rawLanes: new RawLanes(config.rawLanes),
    dropChannelBinding: config.upstream.tls.dropChannelBinding,
    trustUpstream: config.trustUpstream,
    startupMs: startupSeconds * 1000,
    sessionsMax,
    startupsMax,
    onFull: config.failure.onSpoolFull,
  };
}
