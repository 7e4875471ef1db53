/**
 * Owns who vouches for a reel's keys: the judgement of what a caller shows, the record of it before the reel's
 * first segment is acknowledged, and that a reel goes on under the name it began with. It refuses to read
 * files.
 */
import {
  checkEnrolment,
  type EnrolmentMethod,
  type EnrolmentSecret,
  enrolmentNameOf,
  type SegmentSuccess,
} from '@pgtape/evidence';
import { BoundedMap } from './boundedMap.ts';
import { once } from './once.ts';
import type { AppendedRecord } from './ownSealer.ts';
import { misnamed, podText } from './podIdentity.ts';
import { refusal, type TokenReason } from './tokenClaims.ts';
import type { TokenJudge } from './tokenJudge.ts';
import type { VaultEntry } from './vaultReel.ts';

/** Who sends, as far as the connection says. */
export interface Caller {
  /** Name in a client certificate of a trusted authority; null: none. */
  readonly certificate: string | null;
  /** The metadata `pgtape-enrolment`; null: none came. */
  readonly proof: string | null;
  /** Bearer token; null: none came. */
  readonly token: string | null;
  /** Its address, without the port; '': not known. */
  readonly address: string;
}

export interface Enrolment {
  readonly method: EnrolmentMethod;
  /** Empty for `none`. */
  readonly name: string;
  /** Of the pod that a token is bound to. */
  readonly podUid?: string;
}

/** `reason`: the answer's word; absent, `not_enrolled`. */
export interface EnrolmentRefusal {
  readonly refused: string;
  readonly reason?: TokenReason;
}

export type EnrolmentJudgement = Enrolment | EnrolmentRefusal;

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
  /** null: tokens say nothing here. */
  readonly tokens: Pick<TokenJudge, 'judge' | 'inherits'> | null;
  readonly append: (entry: VaultEntry) => Promise<AppendedRecord>;
  /** Resolves when the log has it. */
  readonly started: (start: ReelStart) => Promise<void>;
  /** Enrolments by earlier vaults, in their order. Rejects as the archive does. */
  readonly history: () => AsyncIterable<Enrolment & { readonly reel: string }>;
}

type Header = SegmentSuccess['header'];

const none: Enrolment = { method: 'none', name: '' };
/** Reels that began and whose first segment is not stored yet. */
const begunMax = 1000;

export class Enrolments {
  readonly #sources: EnrolmentSources;
  /** Reels somebody vouched for. */
  readonly #known = new Map<string, Enrolment>();
  /** By reel: what was recorded for it by this vault. */
  readonly #begun = new BoundedMap<string, string>(begunMax);

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
    if (isByToken(known)) return await this.#continued(known, header, caller);
    if (segment > 1) {
      const isOther = known.method === 'mtls' && caller.certificate !== known.name;
      return isOther ? other(known, caller.certificate ?? 'nobody') : known;
    }
    const shown = await this.#shown(header, caller);
    if ('refused' in shown) return shown;
    // Sent again without a proof it is still the segment that was vouched for.
    if (known.method === 'none' || shown.method === 'none') return shown;
    return known.method === shown.method && known.name === shown.name ? shown : other(known, shown.name);
  }

  /** Records who vouches for a reel; to be called before its first segment is stored. Rejects as `append`. */
  async begin({ header }: SegmentSuccess, enrolment: Enrolment): Promise<void> {
    const { reel, recorder, key, recovery_key } = header;
    const { method, name, podUid } = enrolment;
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
      ...(podUid !== undefined && { pod_uid: podUid }),
    });
    await this.#sources.started({ reel, recorder, key, recovery_key, enrolment: line });
    this.#learn(reel, enrolment);
    this.#begun.set(reel, what);
  }

  /** Every segment of a reel that a pod enrolled comes with a token: the keys alone may have been stolen with the spool. */
  async #continued(
    known: Enrolment,
    header: Header,
    { token, address }: Caller,
  ): Promise<EnrolmentJudgement> {
    const { tokens } = this.#sources;
    if (tokens === null) return { refused: 'the reel was enrolled by token, and no tokens are taken here' };
    if (token === null) return refusal('token_missing', `pod ${known.name} enrolled the reel by token`);
    const shown = await tokens.judge(token, address);
    if ('refused' in shown) return shown;
    const isOther = misnamed(shown, header.name);
    if (isOther !== null) return isOther;
    if (await tokens.inherits(shown, known.name)) return known;
    return refusal('other_pod', `pod ${known.name} enrolled the reel, and ${podText(shown.pod)} sends it`);
  }

  async #byToken(token: string, address: string, header: Header): Promise<EnrolmentJudgement | null> {
    const { tokens } = this.#sources;
    if (tokens === null) return null;
    const shown = await tokens.judge(token, address);
    if ('refused' in shown) return shown;
    const { method, pod } = shown;
    return misnamed(shown, header.name) ?? { method, name: podText(pod), podUid: pod.uid };
  }

  async #shown(header: Header, { proof, certificate, token, address }: Caller): Promise<EnrolmentJudgement> {
    const pod = token === null ? null : await this.#byToken(token, address, header);
    if (pod !== null) return pod;
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

  #learn(reel: string, { method, name, podUid }: Enrolment): void {
    if (method !== 'none') this.#known.set(reel, { method, name, ...(podUid !== undefined && { podUid }) });
  }

  async #read(): Promise<void> {
    for await (const { reel, ...enrolment } of this.#sources.history()) {
      // What this vault recorded itself is newer.
      if (!this.#known.has(reel) || !this.#begun.has(reel)) this.#learn(reel, enrolment);
    }
  }
}

function isByToken({ method }: Enrolment): boolean {
  return method === 'kubernetes' || method === 'jwks';
}

function other(known: Enrolment, shown: string): EnrolmentJudgement {
  return { refused: `the reel was enrolled by '${known.name}' (${known.method}) and is sent by '${shown}'` };
}
