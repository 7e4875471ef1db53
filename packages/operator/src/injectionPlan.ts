/** What an injection is asked for, and the names it leaves in a pod. Decides nothing. */
import type { CaptureFacts } from './capturePlan.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

// The vault reads them too.
export { podAnnotations as annotations, RECORDER_CONTAINER } from '@pgtape/kube';

/** What the operator knows beside pod and RecordedDatabase. */
export interface InjectionPlan extends CaptureFacts {
  /** `namespace/name`. */
  readonly database: string;
  readonly spec: RecordedDatabaseSpec;
  /** By digest. */
  readonly image: string;
  /** The recorder's configuration, as JSON text. */
  readonly config: string;
}
