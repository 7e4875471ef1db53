/** Collects what a check of a bundle found. Knows nothing of what is checked. */
import { type BundleFinding, type BundleVerdictWord, worseOf } from './bundleVerdict.ts';

/** A ruined bundle must not become a list without end. */
const findingsMax = 1000;

export class BundleFindings {
  readonly list: BundleFinding[] = [];
  worst: BundleVerdictWord = 'complete';

  add(verdict: BundleVerdictWord, artefact: string, reason: string, detail: string): void {
    this.worst = worseOf(this.worst, verdict);
    if (this.list.length < findingsMax) this.list.push({ verdict, artefact, reason, detail });
  }

  forged(artefact: string, reason: string, detail: string): null {
    this.add('forged', artefact, reason, detail);
    return null;
  }
}
