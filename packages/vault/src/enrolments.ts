/**
 * Owns who vouches for a reel's keys: the judgement of what a caller shows, the record of it before the reel's
 * first segment is acknowledged, and that a reel goes on under the name it began with. It refuses to read
 * files.
 */
import { checkEnrolment, type EnrolmentSecret, enrolmentNameOf, type SegmentSuccess } from '@pgtape/evidence';
import { once } from './once.ts';
import type { AppendedRecord } from './ownSealer.ts';
import type { VaultEntry } from './vaultReel.ts';

/** Who sends, as far as the connection says. */
export interface Caller {
  /** Name in a client certificate of a trusted authority; null: none. */
  readonly certificate: string | null;
  /** The metadata `pgtape-enrolment`; null: none came. */
  readonly proof: string | null;
}

export interface Enrolment {
  readonly method: 'secret' | 'mtls' | 'none';
  /** Empty for `none`. */
  readonly name: string;
}

export type EnrolmentJudgement = Enrolment | { readonly refused: string };

/** What the log is told of a reel before its first segment. */
export interface ReelStart {
  readonly reel: string;
  readonly recorder: string;
  readonly key: string;
  readonly recovery_key: string;
  /** SHA-256 of the `enrolment` record's line. */
  readonly enrolment: string;
}

export interface EnrolmentSources {
  /** A reel nobody vouches for is refused. */
  readonly required: boolean;
  /** As they are now. */
  readonly secrets: () => readonly EnrolmentSecret[];
  readonly append: (entry: VaultEntry) => Promise<AppendedRecord>;
  /** Resolves when the log has it. */
  readonly started: (start: ReelStart) => Promise<void>;
  /** Enrolments by earlier vaults, in their order. Rejects as the archive does. */
  readonly history: () => AsyncIterable<Enrolment & { readonly reel: string }>;
}

const none: Enrolment = { method: 'none', name: '' };
/** Reels that began and whose first segment is not stored yet. */
const begunMax = 1000;

export class Enrolments {
  readonly #sources: EnrolmentSources;
  /** Reels somebody vouched for. */
  readonly #known = new Map<string, Enrolment>();
  /** By reel: what was recorded for it by this vault. */
  readonly #begun = new Map<string, string>();

  constructor(sources: EnrolmentSources) {
    this.#sources = sources;
  }

  /** Reads what earlier vaults recorded, once. Rejects as the archive; then the next call tries again. */
  readonly load = once(() => this.#read());

  /** As far as it is known now. */
  of(reel: string): Enrolment {
    return this.#known.get(reel) ?? none;
  }

  /**
   * Whether the caller may send this segment. `isArchived`: the reel has segments already, so that earlier
   * vaults may know it. Rejects as `load`.
   */
  async check({ header }: SegmentSuccess, caller: Caller, isArchived: boolean): Promise<EnrolmentJudgement> {
    const { reel, segment } = header;
    if (isArchived) await this.load();
    const known = this.of(reel);
    if (segment > 1) {
      const isOther = known.method === 'mtls' && caller.certificate !== known.name;
      return isOther ? other(known, caller.certificate ?? 'nobody') : known;
    }
    const shown = this.#shown(header, caller);
    if ('refused' in shown) return shown;
    // Sent again without a proof it is still the segment that was vouched for.
    if (known.method === 'none' || shown.method === 'none') return shown;
    return known.method === shown.method && known.name === shown.name ? shown : other(known, shown.name);
  }

  /** Records who vouches for a reel; to be called before its first segment is stored. Rejects as `append`. */
  async begin({ header }: SegmentSuccess, enrolment: Enrolment): Promise<void> {
    const { reel, recorder, key, recovery_key } = header;
    const { method, name } = enrolment;
    const what = `${method} ${name} ${key}`;
    if (this.#begun.get(reel) === what) return;
    const { line } = await this.#sources.append({
      kind: 'enrolment',
      of_reel: reel,
      of_recorder: recorder,
      key,
      recovery_key,
      method,
      name,
    });
    await this.#sources.started({ reel, recorder, key, recovery_key, enrolment: line });
    this.#learn(reel, enrolment);
    if (this.#begun.size >= begunMax) this.#begun.delete(this.#begun.keys().next().value ?? '');
    this.#begun.set(reel, what);
  }

  #shown(header: SegmentSuccess['header'], { proof, certificate }: Caller): EnrolmentJudgement {
    const secrets = this.#sources.secrets();
    if (proof !== null && secrets.length > 0) {
      const name = enrolmentNameOf(proof);
      if (name !== null && checkEnrolment(proof, header, secrets)) return { method: 'secret', name };
      return {
        refused: `the proof of enrolment '${name ?? ''}' does not hold: its secret is another, or unknown here`,
      };
    }
    if (certificate !== null) return { method: 'mtls', name: certificate };
    return this.#sources.required ? { refused: 'nobody vouches for the reel' } : none;
  }

  #learn(reel: string, { method, name }: Enrolment): void {
    if (method !== 'none') this.#known.set(reel, { method, name });
  }

  async #read(): Promise<void> {
    for await (const { reel, method, name } of this.#sources.history()) {
      // What this vault recorded itself is newer.
      if (!this.#known.has(reel) || !this.#begun.has(reel)) this.#learn(reel, { method, name });
    }
  }
}

function other(known: Enrolment, shown: string): EnrolmentJudgement {
  return { refused: `the reel was enrolled by '${known.name}' (${known.method}) and is sent by '${shown}'` };
}
