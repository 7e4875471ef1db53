/** What a check of the log says: shapes only. */
import type { Finding, Verdict } from '../verdict.ts';

export interface LogVerdict {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** Of the checkpoint that everything was held against; '' where none could be believed. */
  readonly origin: string;
  readonly size: number;
  /** Hex. */
  readonly root: string;
  /** Where the log's key came from: the auditor, or the archive itself. */
  readonly keyFrom: 'auditor' | 'archive';
  /** Names of the policy's witnesses, and the newest cosignature of each, POSIX seconds. */
  readonly cosigned: readonly { readonly name: string; readonly time: number }[];
  readonly checked: {
    /** Checkpoints whose root was computed again. */
    readonly checkpoints: number;
    /** Tiles and bundles. */
    readonly tiles: number;
    readonly leaves: number;
    /** Objects held against their leaf. */
    readonly objects: number;
    /** Versions and delete markers looked at; 0 where the store has none. */
    readonly versions: number;
    /** Objects whose retention was read back; 0 where the store enforces none. */
    readonly retentions: number;
  };
  /** Reels whose start is in the log and is that of their first segment. */
  readonly started: readonly string[];
  /** Objects that no leaf names. */
  readonly unlogged: number;
  /** Every leaf, tile and checkpoint is as it must be, so that what is not there was never there. */
  readonly isSound: boolean;
  /** Size of the checkpoint the auditor remembered; null: none was given, or it could not be believed. */
  readonly remembered: number | null;
}
