/**
 * Gathers from a reel whose it is, and of a vault's what it says about other reels. Knows nothing of
 * segments; whether those other reels are as said is archiveVerdict.ts's.
 */
import type { ParsedRecord } from './checkRecord.ts';
import type { Findings } from './findings.ts';
import { type EnrolmentMethod, vaultKinds } from './vaultRecord.ts';

/** The vault's reel before, which it found without an end. */
export interface PreviousReel {
  readonly reel: string;
  readonly segment: number;
  readonly seal: string;
}

/** Who vouched for the keys of a reel. */
export interface EnrolledReel {
  readonly reel: string;
  readonly recorder: string;
  readonly key: string;
  readonly recoveryKey: string;
  readonly method: EnrolmentMethod;
  readonly name: string;
  /** UID of the pod whose token vouched; null: no pod did. */
  readonly podUid: string | null;
  /** The record's line: `key#line`. */
  readonly artefact: string;
  /** SHA-256 of that line: what the log's `reel_start` names. */
  readonly digest: string;
}

/** That no end of a reel is to be expected, for its pod is gone. */
export interface OrphanedReel {
  readonly reel: string;
  readonly recorder: string;
  /** `namespace/name`. */
  readonly pod: string;
  readonly podUid: string;
  /** Its last in the archive by then, and SHA-256 of its seal line. */
  readonly segment: number;
  readonly seal: string;
  /** The record's line: `key#line`. */
  readonly artefact: string;
}

/** What a vault's reel says of others. */
export interface VaultWords {
  /** `key#line` of `vault_opened`. */
  readonly artefact: string;
  /** SHA-256 of that line: what the log's `reel_start` of the vault's own reel names. */
  readonly digest: string;
  readonly name: string;
  readonly previous: PreviousReel | null;
  readonly enrolments: readonly EnrolledReel[];
  /** In the order they were said; a reel that sent again and fell silent again has several. */
  readonly orphaned: readonly OrphanedReel[];
}

/** Whether lines of the kind say who vouches for a reel's keys: the log names them by their digests. */
export function isVouching(kind: string): boolean {
  return kind === 'enrolment' || kind === 'vault_opened';
}

/** Kinds that stand in a reel whoever writes it. */
const ofBoth: ReadonlySet<string> = new Set(['reel_closed']);

export class VaultLedger {
  readonly #findings: Findings;
  readonly #enrolments: EnrolledReel[] = [];
  readonly #orphaned: OrphanedReel[] = [];
  /** null: no line was seen. */
  #by: 'recorder' | 'vault' | null = null;
  #opened = { artefact: '', digest: '', name: '', previous: null as PreviousReel | null };

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /**
   * The first line that is read says whose reel it is; a line that the other side writes is out of place. `digest`: SHA-256
   * of the line, where `isVouching`.
   */
  record(record: ParsedRecord, artefact: string, digest: string): void {
    const by = vaultKinds.has(record.kind) ? 'vault' : 'recorder';
    if (!ofBoth.has(record.kind)) {
      this.#by ??= by;
      if (by !== this.#by) {
        const detail = `a ${record.kind} line in the reel of a ${this.#by}`;
        this.#findings.add('forged', artefact, 'kind_misplaced', detail);
      }
    }
    if (record.kind === 'vault_opened') {
      const previous = (record.previous as PreviousReel | undefined) ?? null;
      this.#opened = { artefact, digest, name: String(record.name), previous };
    }
    if (record.kind === 'enrolment') this.#enrolments.push(enrolled(record, artefact, digest));
    if (record.kind === 'orphaned') this.#orphaned.push(orphaned(record, artefact));
  }

  get by(): 'recorder' | 'vault' {
    return this.#by ?? 'recorder';
  }

  /** null for a recorder's reel. */
  words(): VaultWords | null {
    return this.#by === 'vault'
      ? { ...this.#opened, enrolments: this.#enrolments, orphaned: this.#orphaned }
      : null;
  }
}

function enrolled(record: ParsedRecord, artefact: string, digest: string): EnrolledReel {
  return {
    reel: String(record.of_reel),
    recorder: String(record.of_recorder),
    key: String(record.key),
    recoveryKey: String(record.recovery_key),
    method: record.method as EnrolledReel['method'],
    name: String(record.name),
    podUid: record.pod_uid === undefined ? null : String(record.pod_uid),
    artefact,
    digest,
  };
}

function orphaned(record: ParsedRecord, artefact: string): OrphanedReel {
  return {
    reel: String(record.of_reel),
    recorder: String(record.of_recorder),
    pod: String(record.pod),
    podUid: String(record.pod_uid),
    segment: Number(record.segment),
    seal: String(record.seal),
    artefact,
  };
}
