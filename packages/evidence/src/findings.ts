/** Collects what a check found, with a bound. Knows nothing of what is checked. */
import { type Finding, type Verdict, worse } from './verdict.ts';

/** A ruined archive must not become a list without end. */
const findingsMax = 1000;

export class Findings {
  readonly #list: Finding[] = [];
  #worst: Verdict = 'complete';
  #dropped = 0;

  /** Worst verdict of all that was added, also of what was not kept. */
  get worst(): Verdict {
    return this.#worst;
  }

  add(verdict: Verdict, artefact: string, reason: string, detail: string): void {
    this.#worst = worse(this.#worst, verdict);
    if (this.#list.length < findingsMax) this.#list.push({ verdict, artefact, reason, detail });
    else this.#dropped++;
  }

  /** All findings in the order they were made; `artefact` of the last says so when some were not kept. */
  list(artefact: string): readonly Finding[] {
    if (this.#dropped === 0) return this.#list;
    const detail = `${this.#dropped} further findings are not listed`;
    return [...this.#list, { verdict: this.#worst, artefact, reason: 'more_findings', detail }];
  }
}
