/** What every session of one recorder shares; sessions know each other only through it. */
import type { BackendBook } from './backendBook.ts';
import type { CancelTargets } from './cancelTargets.ts';
import type { RawLanes } from './rawLanes.ts';
import type { RelayTurn } from './relayTurn.ts';
import type { Recording } from './sessionJournal.ts';
import type { StartupPlan } from './sessionStartup.ts';
import type { OnFull } from './spoolLevel.ts';
import type { TlsMaterial } from './tlsFiles.ts';
import type { UpstreamAddress } from './upstream.ts';

export interface RelayContext extends Recording {
  readonly upstream: UpstreamAddress;
  /** A connection looks once: both of its legs use what it saw. */
  readonly tls: TlsMaterial;
  readonly upstreamTls: StartupPlan['upstream'];
  readonly dropChannelBinding: boolean;
  readonly cancelTargets: CancelTargets;
  readonly backends: BackendBook;
  /** For the log, once for all sessions. */
  tellOnce(event: string, detail: string): void;
  /** DER of the server's, of each session in TLS. */
  onServerCertificate(leaf: Uint8Array): void;
  readonly rawLanes: RawLanes;
  readonly trustUpstream: boolean;
  readonly inspectBytesMax: number;
  readonly startupMs: number;
  readonly sessionsMax: number;
  /** A cancel request that is not over after this time is closed on both sides. */
  readonly cancelMs: number;
  /** Read accepted connections in place: inPlace.ts. */
  readonly rewrapAccepted: boolean;
  readonly turn: RelayTurn;
  /** What a full spool does with clients. */
  readonly onFull: OnFull;
  /** Sessions past their startup packet, cancels not counted; kept by sessionSeat.ts. */
  sessionsOpen: number;
  /** Cancel requests under way; kept by sessionSeat.ts. */
  cancelsOpen: number;
  /** Most of them. */
  readonly cancelsMax: number;
  /** Too much journal waits to be sealed: clients are not read. */
  readonly isBacklogged: boolean;
  /** The spool is full, and clients have to wait until it is not. */
  readonly isSpoolWaiting: boolean;
  /** So many sockets that one poll of the event loop may read a socket twice before the turn ends. */
  readonly isCrowded: boolean;
}
