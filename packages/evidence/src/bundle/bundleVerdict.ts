/** The words and shapes of what a check of a bundle says. Decides nothing. */
import type { Manifest } from './manifest.ts';

/** Worst first. `attested`: complete, but for lines the exporter redacted; `excerpt`: chosen lines, each proven. */
export const bundleVerdicts = [
  'forged',
  'crashed',
  'gap',
  'open',
  'attested',
  'excerpt',
  'complete',
] as const;
export type BundleVerdictWord = (typeof bundleVerdicts)[number];

export interface BundleFinding {
  readonly verdict: BundleVerdictWord;
  /** File of the bundle, `file#line`, or session id. */
  readonly artefact: string;
  /** Stable word. */
  readonly reason: string;
  readonly detail: string;
}

export interface BundleSessionVerdict {
  readonly session: string;
  readonly verdict: BundleVerdictWord;
  /** Lines shown, redacted ones included. */
  readonly lines: number;
  readonly attested: number;
  readonly closed: boolean;
}

export interface BundleVerdict {
  readonly verdict: BundleVerdictWord;
  readonly findings: readonly BundleFinding[];
  readonly sessions: readonly BundleSessionVerdict[];
  /** null: its manifest could not be read. */
  readonly manifest: Manifest | null;
  /** What the proof rests on; null: nothing, it has no log. */
  readonly log: {
    readonly origin: string;
    readonly size: number;
    /** Names of the policy's witnesses that cosigned, and the newest time (POSIX seconds) of each. */
    readonly cosigned: readonly { readonly name: string; readonly time: number }[];
  } | null;
  /** Lines that were proven, and lines whose leaf hash was. */
  readonly proven: number;
  readonly attested: number;
  readonly notProven: readonly string[];
}

export function worseOf(a: BundleVerdictWord, b: BundleVerdictWord): BundleVerdictWord {
  return bundleVerdicts.indexOf(a) <= bundleVerdicts.indexOf(b) ? a : b;
}
