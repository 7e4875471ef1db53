/**
 * The journal's bytes: what the relay thread appends before it forwards and the decode worker reads back.
 * Knows no files and no sockets. All integers are little-endian.
 *
 * File `<reel>/<8 digits>.journal`: 16 bytes (magic, u64 file number), then turns. The first entry of every file is `reel`,
 * so that each file can be read alone once older ones are trimmed.
 *
 * Turn (everything one event-loop turn of the relay wrote, in one write(2)):
 *   u32 payload bytes | u32 CRC-32 of what follows | f64 milliseconds since the reel started | payload
 * Entry: u8 kind | u8 flag | u16 zero | u32 session number (0: the reel) | u32 bytes | bytes
 *
 * A turn that is short or fails its CRC at the end of the last file is the torn end of a killed process: nothing of it was
 * forwarded. Anywhere else it is damage (gap `journal_damaged`).
 */
import type { DraftOf, TlsFacts } from '@pgtape/evidence';
import type { LearnedType } from '@pgtape/wire';

export const journalMagic = 'pgtapej1';
export const fileHeaderBytes = 16;
export const turnHeaderBytes = 16;
export const entryHeaderBytes = 12;

export const entryKind = {
  /** JSON `ReelEntry`. */
  reel: 1,
  /** f64 wall clock in microseconds at this turn's time: anchors wall time until the next one. */
  clock: 2,
  /** Empty; once a second. */
  tick: 3,
  /** JSON `OpenEntry`. */
  open: 4,
  /** An untyped packet as forwarded to the server (SSLRequest, StartupMessage); CancelRequest as its first 12 bytes, key dropped. */
  startup: 5,
  /** Reduced stream client to server: see FrameCutter of @pgtape/wire. */
  frontend: 8,
  /** Reduced stream server to client. */
  backend: 9,
  /** flag = tag; u32 side (0 frontend, 1 backend), u32 frames, f64 bytes with headers. */
  counted: 10,
  /** flag = tag; u32 side, u32 zero, f64 body bytes, 32 bytes SHA-256. */
  tail: 11,
  /** JSON `CloseEntry`. */
  close: 12,
  /** JSON `GapEntry`. */
  gap: 13,
  /** JSON `{ why: 'stopped' }`: the reel ended in order. */
  end: 14,
  /** JSON `SecuredEntry`: a leg speaks TLS from here on. */
  secured: 15,
  /** JSON `MechanismEntry`: of SASL, a name only. */
  mechanism: 16,
  /** JSON `CancelledEntry`: whom the session's CancelRequest is for. */
  cancelled: 17,
  /** JSON `TypesEntry`; of the reel. */
  types: 18,
  /** JSON `PassedEntry`; of the reel. */
  passed: 19,
  /** JSON `BypassEntry`; of the reel. */
  bypass: 20,
  /** JSON `ConfiguredEntry`; of the reel. */
  configured: 21,
} as const;

export interface ReelEntry {
  readonly reel: string;
  readonly recorder: string;
  /** 16 bytes hex: salts derive from it. */
  readonly seed: string;
  /** Wall clock, microseconds, at mono 0. */
  readonly wallUs: number;
  readonly policy: string;
  readonly name: string;
  readonly version: string;
  readonly upstream: string;
  readonly listen: string;
  readonly journal: 'memory' | 'disk';
  readonly trustUpstream: boolean;
  readonly boot: string;
  readonly host: string;
  readonly inspectBytesMax: number;
  readonly pid: number;
}

export interface Peer {
  readonly address: string;
  readonly port: number;
}

export interface OpenEntry {
  readonly client: Peer;
  readonly server: Peer;
  readonly tls: boolean;
  /** It is told so many milliseconds after it happened; absent, 0. */
  readonly lateMs?: number;
}

export interface SecuredEntry {
  readonly leg: 'client' | 'server';
  readonly tls: TlsFacts;
}

export interface MechanismEntry {
  /** The one that the client chose of those it was offered. */
  readonly chosen: string;
}

export interface CancelledEntry {
  /** Number of the session whose pid and key the request carried; null: none that is open here. */
  readonly target: number | null;
}

export interface CloseEntry {
  readonly why: 'terminated' | 'client_closed' | 'server_closed' | 'refused' | 'error' | 'recorder_stopped';
  readonly reason?: string;
  readonly bytesFromClient: number;
  readonly bytesFromServer: number;
  readonly lateMs?: number;
}

export interface GapEntry {
  readonly reason: string;
  readonly detail: string;
  readonly bytes?: number;
  /** Query, Execute and FunctionCall messages that passed unrecorded. */
  readonly statements?: number;
  /** Of the reel's gap: sessions that have no entry of their own. */
  readonly sessions?: number;
  /** Of a session's: it is idle, and what follows is recorded again. */
  readonly resumes?: true;
  readonly lateMs?: number;
}

/**
 * What has passed unrecorded and is in no gap entry yet. The last one stands for what a killed recorder could not tell any more; with
 * three zeros there is nothing left to tell.
 */
export interface PassedEntry {
  readonly reason: string;
  readonly sessions: number;
  readonly statements: number;
  readonly bytes: number;
}

/** What a database's catalog said of types that are not built in: known to all that is decoded from here on. */
export interface TypesEntry {
  readonly database: string;
  readonly types: readonly LearnedType[];
}

/** Sessions of the server that came past the recorder; as the record of @pgtape/evidence. */
export type BypassEntry = Omit<DraftOf<'bypass'>, 'at' | 'mono' | 'kind'>;

/** A configuration that holds from here on; as the record of @pgtape/evidence. */
export type ConfiguredEntry = Omit<DraftOf<'configured'>, 'at' | 'mono' | 'kind'>;

export const side = { frontend: 0, backend: 1 } as const;
