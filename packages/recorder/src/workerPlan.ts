/** What the relay thread and the evidence worker tell each other; they share nothing else but the journal's files. */

import type { BackendsSeen } from './backendBook.ts';
import type { Allowed } from './coverageJudge.ts';
import type { CoverageOutcome } from './coveragePoller.ts';
import type { TypesEntry } from './journalFormat.ts';

/** How the side connection reaches the server, and as whom. */
export interface TypesPlan {
  /** A directory (starts with /) holds the server's unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly passwordFile: string;
  readonly timeoutMs: number;
  readonly tls?: {
    readonly caFile?: string | undefined;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
    readonly serverName?: string | undefined;
  };
}

/** How the server is asked for its sessions, and as whom. */
export interface CoveragePlan {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly database: string;
  readonly tls: { readonly mode: TlsMode; readonly caFile?: string; readonly serverName?: string };
  readonly timeoutMs: number;
  readonly periodSeconds: number;
  readonly usernameFile: string;
  readonly passwordFile: string;
  readonly allow: readonly Allowed[];
  /** When the recorder started, wall clock, milliseconds. */
  readonly startedMs: number;
  /** Pids of sessions that the recorder before this one left open when it stopped. */
  readonly former: readonly number[];
}

/** As sslmode of libpq; `mirror`: plain, and in TLS where the server lets nobody in without. */
export type TlsMode = 'mirror' | 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** `workerData` of the evidence worker. */
export interface WorkerPlan {
  /** Directory that holds one directory per reel; memory-backed unless asked otherwise. */
  readonly journalDir: string;
  /** Directory of sealed segments not yet acknowledged, one directory per reel. */
  readonly outboxDir: string;
  /** The reel being written by the relay thread; other reels found in journalDir belong to dead recorders and are recovered. */
  readonly reel: string;
  readonly segment: { readonly records: number; readonly bytes: number; readonly maxSeconds: number };
  readonly limits: { readonly sqlBytesMax: number; readonly paramBytesMax: number };
  readonly vault: {
    readonly url: string;
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly timeoutMs: number;
    /** Absent: no token goes with segments. */
    readonly tokenFile?: string;
    /** Absent: nothing is proven to the vault. */
    readonly enrolment?: { readonly name: string; readonly secretFile: string };
  };
  readonly heartbeatSeconds: number;
  /**
   * Shared Float64Array(5): [0] bytes the relay has journaled in this reel since its start, [1] bytes of them whose segments
   * are sealed and snapshotted. The relay pauses clients while the difference exceeds `journal.maxBytes`.
   * [2] 1 while the journal cannot be written: what can be trimmed should be. [3] bytes of the outbox, [4] 1 while it takes no segment.
   */
  readonly progress: SharedArrayBuffer;
  /** Absent: the journal's volume is large. */
  readonly room?: { readonly snapshotBytes: number; readonly reserveBytes: number };
  /** Where earlier starts kept the journal; reels found there are recovered and the directories go. */
  readonly formerJournalDirs?: readonly string[];
  /** Absent: only built-in types are known. */
  readonly types?: TypesPlan;
  /** Absent: coverage is not measured. */
  readonly coverage?: CoveragePlan;
}

/** Relay to worker. `stop`: the journal has its `end` entry; decode to it, seal, send what `graceMs` allows, answer `stopped`. */
export type ToWorker =
  | { readonly kind: 'stop'; readonly graceMs: number }
  | { readonly kind: 'stats' }
  | { readonly kind: 'compact' }
  /** Answers `backends_wanted`. */
  | { readonly kind: 'backends'; readonly seen: BackendsSeen }
  /** From here on; absent, as before. */
  | {
      readonly kind: 'configure';
      readonly vault?: WorkerPlan['vault'];
      readonly coverage?: CoveragePlan | null;
    };

export interface WorkerStats {
  readonly records: number;
  readonly statements: number;
  readonly sessionsOpen: number;
  readonly decodeLost: number;
  readonly segmentsSealed: number;
  readonly segmentsAcked: number;
  readonly outboxSegments: number;
  readonly outboxBytes: number;
  /** Wall clock, microseconds: when the oldest segment of the outbox was sealed (or found at the start); null: it is empty. */
  readonly oldestSealedUs: number | null;
  /** When the vault last acknowledged one, to the second; null: not yet. */
  readonly acknowledgedUs: number | null;
  readonly sendErrors: number;
  readonly lastSendError: string;
  /** Reels whose oldest segment the vault refuses. */
  readonly blockedReels: number;
  /** CPU microseconds the worker thread has used, and statements it decoded: for the bench. */
  readonly cpuUs: number;
  /** Types learned by the side connection, and its questions by how they ended (typeLearner.ts). */
  readonly typesLearned: number;
  readonly typeLookups: Readonly<Record<string, number>>;
}

export type FromWorker =
  | { readonly kind: 'started'; readonly recoveredReels: readonly string[] }
  | { readonly kind: 'stats'; readonly stats: WorkerStats }
  /** `seq` rises within a reel; a worker started anew may tell the same ones again. */
  | { readonly kind: 'gap'; readonly reason: string; readonly reel: string; readonly seq: number }
  /** To be journaled: what it says is known from that entry on. */
  | { readonly kind: 'types'; readonly entry: TypesEntry }
  | {
      readonly kind: 'types_failed';
      readonly database: string;
      readonly reason: string;
      readonly detail: string;
    }
  | { readonly kind: 'backends_wanted' }
  | { readonly kind: 'coverage'; readonly outcome: CoverageOutcome }
  | { readonly kind: 'fatal'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'stopped';
      readonly unsentSegments: number;
      /** Reels of dead recorders not yet sealed: their journals stay, the next start goes on. */
      readonly unrecoveredReels: number;
    };
