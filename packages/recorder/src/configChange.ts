/** Owns what of a new configuration can be in force while the recorder runs, and what waits for its next start. Pure. */
import type { RecorderConfig } from './config.ts';

export interface ConfigChange {
  /** What runs from here on: the new one, but for what needs a start. */
  readonly config: RecorderConfig;
  /** Keys that are in force now. */
  readonly changed: readonly string[];
  /** Keys that differ and are not. */
  readonly restartNeeded: readonly string[];
}

/** Of each, everything below as well. */
const live = [
  'failure',
  'vault',
  'rawLanes',
  'trustUpstream',
  'coverage',
  'stopGraceSeconds',
  'upstream.tls',
  'listen.tls',
  'limits.sessionsMax',
  'limits.startupsMax',
  'limits.startupSeconds',
];

const isLive = (key: string): boolean => live.some((one) => key === one || key.startsWith(`${one}.`));

export function configChange(running: RecorderConfig, next: RecorderConfig): ConfigChange {
  const before = leaves(running);
  const after = leaves(next);
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  const different = keys.filter((key) => before.get(key) !== after.get(key));
  return {
    config: {
      ...running,
      failure: next.failure,
      vault: next.vault,
      rawLanes: next.rawLanes,
      trustUpstream: next.trustUpstream,
      coverage: next.coverage,
      stopGraceSeconds: next.stopGraceSeconds,
      upstream: { ...running.upstream, tls: next.upstream.tls },
      listen: { ...running.listen, tls: next.listen.tls },
      limits: {
        ...running.limits,
        sessionsMax: next.limits.sessionsMax,
        startupsMax: next.limits.startupsMax,
        startupSeconds: next.limits.startupSeconds,
      },
    },
    changed: different.filter(isLive),
    restartNeeded: different.filter((key) => !isLive(key)),
  };
}

/** Values by dotted key, as text; a list is one value. */
function leaves(value: object, prefix = '', into = new Map<string, string>()): Map<string, string> {
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === undefined) continue;
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) leaves(member, key, into);
    else into.set(key, JSON.stringify(member));
  }
  return into;
}
