/**
 * Owns comparing the policy in seals with what the operator published: of open reels that a pod enrolled by TokenReview. What is
 * published anew is told, what differs for too long is an alert. It refuses to know where either comes from.
 */
import type { SegmentSuccess } from '@pgtape/evidence';
import type { Alerts } from './alerts.ts';
import type { Enrolment } from './enrolments.ts';
import { judgePolicy, type PublishedPolicy } from './publishedPolicy.ts';
import type { VaultEntry } from './vaultReel.ts';

/** What was told of a database. */
export type ToldPolicy = Pick<PublishedPolicy, 'config' | 'policy'>;

export interface PolicyWatchSources {
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly tell: (entry: VaultEntry) => void;
  readonly enrolmentOf: (reel: string) => Enrolment;
  readonly isWatched: (reel: string) => boolean;
  /** What an earlier vault told, by database. Rejects as the archive does. */
  readonly told: () => Promise<ReadonlyMap<string, ToldPolicy>>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** How long recorders may take to follow what was published. */
  readonly settleMs: number;
}

interface SealedReel {
  readonly database: string;
  readonly policy: string;
}

const reason = 'policy_not_published';
const reelsMax = 10_000;

export class PolicyWatch {
  readonly #sources: PolicyWatchSources;
  readonly #reels = new Map<string, SealedReel>();
  #published: ReadonlyMap<string, PublishedPolicy> | null = null;
  /** By database: since when what is published of it is known. */
  readonly #since = new Map<string, number>();
  #firstAt = 0;
  #told: Map<string, ToldPolicy> | null = null;
  #telling: Promise<void> = Promise.resolve();

  constructor(sources: PolicyWatchSources) {
    this.#sources = sources;
  }

  /** What is published now. Nothing is compared before the first time. */
  published(now: ReadonlyMap<string, PublishedPolicy>): void {
    const before = this.#published;
    const at = this.#sources.now();
    if (before === null) this.#firstAt = at;
    for (const [database, { policy }] of now)
      if (before?.get(database)?.policy !== policy) this.#since.set(database, at);
    for (const database of before?.keys() ?? []) if (!now.has(database)) this.#since.set(database, at);
    this.#published = now;
    // One after the other; what cannot be told now is told with the next change.
    this.#telling = this.#telling.then(() => this.#tell(now)).catch(() => undefined);
    this.look();
  }

  /** A segment is stored, or was already, and the watch over reels has seen it. */
  arrived({ header, seal }: SegmentSuccess): void {
    const { reel, name } = header;
    if (this.#sources.enrolmentOf(reel).method !== 'kubernetes') return;
    if (!this.#reels.has(reel) && this.#reels.size >= reelsMax) return;
    this.#reels.set(reel, { database: name, policy: seal.policy });
    this.#judge(reel);
  }

  /** To be called every so often. */
  look(): void {
    for (const reel of this.#reels.keys()) this.#judge(reel);
  }

  /** Resolves when what was published is told. */
  async idle(): Promise<void> {
    await this.#telling;
  }

  #judge(reel: string): void {
    const { alerts, isWatched, now, settleMs } = this.#sources;
    const sealed = this.#reels.get(reel);
    if (sealed === undefined) return;
    if (!isWatched(reel)) {
      this.#reels.delete(reel);
      alerts.clear(reason, reel, 'the reel ended');
      return;
    }
    if (this.#published === null) return;
    const { database, policy } = sealed;
    const sinceMs = now() - (this.#since.get(database) ?? this.#firstAt);
    const verdict = judgePolicy(policy, this.#published.get(database), sinceMs >= settleMs);
    if (verdict.kind === 'published') alerts.clear(reason, reel, 'it seals with the published policy');
    if (verdict.kind === 'not_known')
      alerts.clear(reason, reel, 'its recorder is of an image whose policy is not known');
    if (verdict.kind === 'not_published') alerts.raise(reason, `${database}: ${verdict.detail}`, reel);
  }

  async #tell(now: ReadonlyMap<string, PublishedPolicy>): Promise<void> {
    const { told, tell } = this.#sources;
    this.#told ??= new Map(await told());
    for (const [database, { config, policy }] of now) {
      const before = this.#told.get(database);
      if (before?.config === config && before.policy === policy) continue;
      this.#told.set(database, { config, policy });
      tell({ kind: 'published', database, config, ...(policy === null ? {} : { policy }) });
    }
  }
}
