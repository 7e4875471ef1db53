/**
 * Owns the configuration that the recorder runs with: what of a new one is in force at once, where it goes, and what is said of the rest.
 * Reads no file.
 */

import { configHash } from '@pgtape/evidence';
import type { RecorderConfig } from './config.ts';
import { configChange } from './configChange.ts';
import type { ConfiguredEntry } from './journalFormat.ts';
import { coveragePlan, policyOf, vaultPlan } from './reelPlan.ts';
import { type RelaySettings, relaySettings } from './relaySettings.ts';
import type { CoveragePlan, WorkerPlan } from './workerPlan.ts';

export interface TakeoverEdges {
  /** Certificates by the new keys. @returns why they cannot be used; null: they are */
  readonly secure: (config: RecorderConfig) => string | null;
  readonly relay: (settings: RelaySettings) => void;
  readonly worker: (change: {
    readonly vault?: WorkerPlan['vault'];
    readonly coverage?: CoveragePlan | null;
  }) => void;
  readonly journal: (entry: ConfiguredEntry) => void;
  readonly onTrouble: (event: string, detail: string) => void;
  /** Of the recorder's start, wall clock, milliseconds. */
  readonly startedMs: number;
}

/** Keys that one record names; of more it names the first. */
const keysMax = 64;

const touches = (keys: readonly string[], ...groups: readonly string[]): boolean =>
  keys.some((key) => groups.some((group) => key === group || key.startsWith(`${group}.`)));

export class ConfigTakeover {
  config: RecorderConfig;
  hash: string;
  /** Keys of the newest configuration that wait for a start. */
  restartNeeded: readonly string[] = [];
  readonly #edges: TakeoverEdges;

  constructor(config: RecorderConfig, text: string | undefined, edges: TakeoverEdges) {
    this.config = config;
    this.hash = configHash(text);
    this.#edges = edges;
  }

  get policy(): string {
    return policyOf(this.config);
  }

  /** @returns why nothing of it is in force; null: what can be, is */
  take(next: RecorderConfig, text: string | undefined): string | null {
    const { secure, relay, journal, onTrouble } = this.#edges;
    const hash = configHash(text);
    const { config, changed, restartNeeded } = configChange(this.config, next);
    const isSame = hash === this.hash && changed.length === 0;
    if (isSame && restartNeeded.join() === this.restartNeeded.join()) return null;
    if (touches(changed, 'listen.tls', 'upstream.tls')) {
      const problem = secure(config);
      if (problem !== null) return problem;
    }
    this.config = config;
    this.hash = hash;
    this.restartNeeded = restartNeeded;
    relay(relaySettings(config));
    this.#tellWorker(changed);
    journal({
      config: hash,
      policy: this.policy,
      changed: changed.slice(0, keysMax),
      restart_needed: restartNeeded.slice(0, keysMax),
    });
    const waits = restartNeeded.length === 0 ? '' : `; ${restartNeeded.join(', ')} after the next start`;
    onTrouble(
      'configured',
      `the configuration was taken over (${changed.join(', ') || 'nothing'} changed)${waits}`,
    );
    return null;
  }

  #tellWorker(changed: readonly string[]): void {
    const isVault = touches(changed, 'vault');
    const isCoverage = touches(changed, 'coverage', 'upstream.tls');
    if (!isVault && !isCoverage) return;
    this.#edges.worker({
      ...(isVault ? { vault: vaultPlan(this.config) } : {}),
      ...(isCoverage ? { coverage: coveragePlan(this.config, this.#edges.startedMs, []) } : {}),
    });
  }
}
