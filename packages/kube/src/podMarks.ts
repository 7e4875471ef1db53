/**
 * What tells a pod with a recorder from others: written by the operator that injects, read by the vault that asks whether a
 * recorder is one of those. Decides nothing.
 */
export const RECORDER_CONTAINER = 'pgtape-recorder';

export const podAnnotations = {
  /** `namespace/name` of the RecordedDatabase. */
  by: 'pgtape.dev/recorded-by',
  mode: 'pgtape.dev/capture-mode',
  /** The recorder's configuration, for when everything else of ours is gone. */
  config: 'pgtape.dev/recorder-config',
  configHash: 'pgtape.dev/config-hash',
} as const;

/** Audience of the token that a recorder shows to the vault. */
export const RECORDER_AUDIENCE = 'pgtape-vault';
