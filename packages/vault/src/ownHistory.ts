/**
 * Owns what earlier vaults of this name wrote into their reels, read once: who vouched for reels, whose pods are gone, and
 * which alerts stand. It refuses to judge it.
 */
import { AlertReason, type ParsedRecord } from '@pgtape/evidence';
import type { Archive } from './archive.ts';
import type { Enrolment } from './enrolments.ts';
import { once } from './once.ts';
import type { ToldPolicy } from './policyWatch.ts';

export interface PastAlert {
  readonly reason: AlertReason;
  readonly reel?: string;
  readonly detail: string;
}

export interface Past {
  readonly enrolments: readonly (Enrolment & { readonly reel: string })[];
  /** Raised and not cleared, in the order they were raised. */
  readonly alerts: readonly PastAlert[];
  /** Reels whose pod is gone: the last segment of each by then. */
  readonly orphaned: ReadonlyMap<string, number>;
  /** What was published last, by database. */
  readonly published: ReadonlyMap<string, ToldPolicy>;
}

export class OwnHistory {
  readonly #records: () => AsyncIterable<ParsedRecord>;

  constructor(records: () => AsyncIterable<ParsedRecord>) {
    this.#records = records;
  }

  /** Rejects as the archive does; then the next call tries again. */
  readonly load = once(() => this.#read());

  async #read(): Promise<Past> {
    const enrolments = new Map<string, Enrolment & { readonly reel: string }>();
    const alerts = new Map<string, PastAlert>();
    const orphaned = new Map<string, number>();
    const published = new Map<string, ToldPolicy>();
    for await (const record of this.#records()) {
      if (record.kind === 'enrolment') {
        const reel = String(record.of_reel);
        const method = record.method as Enrolment['method'];
        const podUid = record.pod_uid as string | undefined;
        const name = String(record.name);
        enrolments.set(reel, { reel, method, name, ...(podUid !== undefined && { podUid }) });
      }
      if (record.kind === 'orphaned') orphaned.set(String(record.of_reel), Number(record.segment));
      if (record.kind === 'published') {
        const { database, config, policy } = record;
        published.set(String(database), {
          config: String(config),
          policy: policy === undefined ? null : String(policy),
        });
      }
      if (record.kind === 'alert') follow(alerts, record);
    }
    return { enrolments: [...enrolments.values()], alerts: [...alerts.values()], orphaned, published };
  }
}

function follow(alerts: Map<string, PastAlert>, record: ParsedRecord): void {
  const reason = AlertReason.safeParse(record.reason);
  if (!reason.success) return;
  const reel = record.of_reel as string | undefined;
  const key = `${reason.data} ${reel ?? ''}`;
  if (record.state === 'cleared') alerts.delete(key);
  else
    alerts.set(key, {
      reason: reason.data,
      ...(reel !== undefined && { reel }),
      detail: String(record.detail),
    });
}

/** In the order they were written. What cannot be read is left to `verify`. Rejects as the archive does. */
export async function* ownRecords(archive: Archive, vaultId: string): AsyncIterable<ParsedRecord> {
  for await (const segment of archive.segmentsOf(vaultId)) yield* segment?.records ?? [];
}
