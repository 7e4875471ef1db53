/** What an injection is asked for, and the names it leaves in a pod. Decides nothing. */
import type { CaptureFacts } from './capturePlan.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

export const RECORDER_CONTAINER = 'pgtape-recorder';

export const annotations = {
  /** `namespace/name` of the RecordedDatabase. */
  by: 'pgtape.dev/recorded-by',
  mode: 'pgtape.dev/capture-mode',
  /** The recorder's configuration, for when everything else of ours is gone. */
  config: 'pgtape.dev/recorder-config',
  configHash: 'pgtape.dev/config-hash',
} as const;

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
