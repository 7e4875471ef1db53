/** Owns what the recorder knows of its coverage: counts and the latest bypasses, each of which it has journaled. Asks nobody. */
import { RECENT_BYPASSES_MAX, type RecorderStatus, type SeenBypass } from '@pgtape/evidence';
import type { ActiveBackend, Bypassed } from './coverageJudge.ts';
import type { CoverageOutcome } from './coveragePoller.ts';
import type { BypassEntry } from './journalFormat.ts';

export interface CoverageViewOptions {
  readonly isConfigured: () => boolean;
  readonly journal: (entry: BypassEntry) => void;
  readonly onTrouble: (event: string, detail: string) => void;
}

export interface CoverageFacts extends Omit<RecorderStatus['coverage'], 'at'> {
  /** Wall clock, microseconds; null: no poll has succeeded. */
  readonly atUs: number | null;
  readonly bypassesBy: Readonly<Record<Bypassed['how'], number>>;
}

/** Of one poll, told one by one; more are told together. */
const namedMax = 100;
/** Bypasses remembered, so that a worker started anew does not tell them again. */
const rememberedMax = 1024;
const sameStartMs = 1000;

const nobody = { pid: 0, user: '', address: '', port: 0, application: '', startedMs: 0 } as const;

export class CoverageView {
  readonly #options: CoverageViewOptions;
  #state: CoverageFacts['state'];
  #isToldOf = false;
  #reason: string | null = null;
  /** Since the start, as of the last poll. */
  #recordedInAll = 0;
  /** Of them, those that were over when nobody compared: what came past meanwhile is not known either. */
  #uncompared = 0;
  /** Sessions may have come past that no look could tell of. */
  #isBlind: boolean;
  #atUs: number | null = null;
  readonly #by = { activity: 0, counted: 0 };
  #recent: SeenBypass[] = [];
  /** By pid: when it began. */
  readonly #told = new Map<number, number>();

  constructor(options: CoverageViewOptions) {
    this.#options = options;
    this.#isBlind = !options.isConfigured();
    this.#state = this.#isBlind ? 'no_credentials' : 'starting';
  }

  get facts(): CoverageFacts {
    const bypasses = this.#by.activity + this.#by.counted;
    const isConfigured = this.#options.isConfigured();
    const recorded = this.#recordedInAll - this.#uncompared;
    return {
      state: isConfigured ? (this.#isToldOf ? this.#state : 'starting') : 'no_credentials',
      reason: isConfigured ? this.#reason : null,
      seen: recorded + bypasses,
      recorded,
      bypasses,
      atUs: this.#atUs,
      recent: this.#recent,
      bypassesBy: this.#by,
    };
  }

  told(outcome: CoverageOutcome, nowUs: number): void {
    this.#isToldOf = true;
    const reason = outcome.state === 'measured' ? null : outcome.reason;
    const isOther = this.#state !== outcome.state || this.#reason !== reason;
    this.#state = outcome.state;
    this.#reason = reason;
    if (isOther) {
      const detail = outcome.state === 'measured' ? '' : ` (${outcome.reason}): ${outcome.detail}`;
      this.#options.onTrouble('coverage', `coverage is ${outcome.state.replaceAll('_', ' ')}${detail}`);
    }
    if (outcome.state !== 'measured') {
      // Nobody was in a server that could not be reached.
      this.#isBlind ||= outcome.reason !== 'unreachable';
      return;
    }
    this.#atUs = nowUs;
    const { recorded, open, isFirst } = outcome;
    if (isFirst && this.#isBlind) this.#uncompared += Math.max(0, recorded - this.#recordedInAll - open);
    this.#recordedInAll = recorded;
    // Another first look comes after a time without any.
    this.#isBlind = true;
    const bypassed = outcome.bypassed.filter((one) => !this.#isTold(one.backend));
    if (bypassed.length > 0) this.#tell(bypassed, nowUs);
  }

  #isTold(backend: ActiveBackend | null): boolean {
    if (backend === null) return false;
    const before = this.#told.get(backend.pid);
    if (before !== undefined && Math.abs(before - backend.startedMs) < sameStartMs) return true;
    this.#told.delete(backend.pid);
    this.#told.set(backend.pid, backend.startedMs);
    const [oldest] = this.#told.keys();
    if (this.#told.size > rememberedMax && oldest !== undefined) this.#told.delete(oldest);
    return false;
  }

  #tell(bypassed: readonly Bypassed[], nowUs: number): void {
    const named = bypassed.slice(0, namedMax);
    const rest = bypassed.slice(namedMax);
    let sessions = 0;
    for (const one of named) {
      sessions += one.sessions;
      this.#note(one, nowUs);
    }
    const more = rest.reduce((total, one) => total + one.sessions, 0);
    if (more > 0) this.#note({ how: 'activity', sessions: more, backend: null, database: '' }, nowUs);
    const who = named.map(({ backend, database }) => `${backend?.user ?? 'somebody'} in ${database}`);
    const detail = `${sessions + more} sessions came past the recorder: ${[...new Set(who)].slice(0, 5).join(', ')}`;
    this.#options.onTrouble('bypass', detail);
  }

  #note({ how, sessions, backend, database }: Bypassed, nowUs: number): void {
    this.#by[how] += sessions;
    const { pid, user, address, port, application, startedMs } = backend ?? nobody;
    const started = `${Math.round(startedMs * 1000)}000`;
    this.#options.journal({
      ...{ how, sessions, pid, user, database, address, port, application },
      started: startedMs === 0 ? '0' : started,
    });
    const at = new Date(nowUs / 1000).toISOString();
    const seen = { pid, user, database, address, application, at };
    this.#recent = [seen, ...this.#recent].slice(0, RECENT_BYPASSES_MAX);
  }
}
