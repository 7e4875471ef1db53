/** What a recorder takes from outside, and what it gives to whoever started it. */
import type { SystemClock } from '@pgtape/process';
import type { ConfigFiles } from './configWatch.ts';
import type { JournalDisk } from './journalFile.ts';
import type { RecorderStats } from './recorderStats.ts';
import type { StartWorker } from './workerKeeper.ts';

export interface RecorderLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What the recorder takes from outside; all have defaults. */
export interface RecorderDeps {
  readonly startWorker?: StartWorker;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: SystemClock;
  readonly journalDisk?: JournalDisk;
  readonly log?: RecorderLog;
  readonly version?: string;
  /** Watched, and taken over where they change. */
  readonly configFiles?: ConfigFiles;
  /** What the configuration was read from; absent, it runs without a file. */
  readonly configText?: string | undefined;
  /** Words for what it runs with instead of what it was given; they stand in /readyz, and clients are served all the same. */
  readonly standIns?: readonly string[];
}

export interface RunningRecorder {
  readonly listen: { readonly host: string; readonly port: number };
  readonly health: { readonly host: string; readonly port: number } | null;
  /** 32 hex. */
  readonly reel: string;
  /** 16 hex. */
  readonly recorder: string;
  readonly journalDir: string;
  stats(): RecorderStats;
  /** Reads the certificates' files now, as on SIGHUP. */
  reloadCertificates(): void;
  /**
   * Closes the tape: sessions end, the reel gets its end entry, what can be sent within the grace is sent.
   */
  close(): Promise<{ unsentSegments: number }>;
}
