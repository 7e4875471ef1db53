/** Our own kinds as the API addresses them, for those who read or write them without knowing their schema. Decides nothing. */
import type { KubeResource } from './resource.ts';

export const recordingArchives: KubeResource = {
  group: 'pgtape.dev',
  version: 'v1alpha1',
  plural: 'recordingarchives',
  kind: 'RecordingArchive',
  namespaced: false,
};
