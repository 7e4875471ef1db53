/**
 * Owns what was read of each pod, until its object is another one: the leader looks at every pod each time it asks recorders, and at
 * each status. A watch keeps one object for each uid and resourceVersion, so the object is the key, and what was read goes with it.
 */
import type { KubeObject } from '@pgtape/kube';
import type { DatabaseFacts } from './databaseFacts.ts';
import { type PodCoverage, podCoverage } from './podCoverage.ts';

interface Reading {
  /** What it was read for. */
  readonly key: string;
  readonly coverage: PodCoverage | null;
}

export class PodReadings {
  readonly #known = new WeakMap<KubeObject, Reading>();

  /** As `podCoverage`; objects must not be changed. */
  of(pod: KubeObject, { key: database, spec }: DatabaseFacts): PodCoverage | null {
    if (spec === null) return null;
    // All of a spec that a pod is read with: another status makes another spec of the same words.
    const key = [database, spec.platform, spec.capture.container].join('\n');
    const known = this.#known.get(pod);
    if (known?.key === key) return known.coverage;
    const coverage = podCoverage(pod, database, spec);
    this.#known.set(pod, { key, coverage });
    return coverage;
  }
}
