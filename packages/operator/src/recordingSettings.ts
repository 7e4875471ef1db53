/** Owns what recorders are configured with beside what their database says: from configuration and cluster, as it is now. */
import { archiveEndpoint } from './archiveEndpoint.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import { annotations } from './injectionPlan.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import { certificatesIn, secretText } from './secretText.ts';

/** @param authority PEM that the configuration gives; '' where a Secret does, or nothing */
export function recordingSettings(
  { vault, execExemptUsers }: OperatorConfig,
  authority: string,
  watch: Pick<ClusterWatch, 'secret' | 'archive' | 'owned'>,
): () => RecordingSettings {
  let known = '';
  // What recorders have stays theirs while the Secret is gone: without an authority they would send nothing.
  const given = (): string => {
    const found = watch.owned.find(({ metadata }) => metadata.annotations?.[annotations.by] !== undefined);
    const ca = (found?.data as Record<string, unknown> | undefined)?.['ca.crt'];
    return typeof ca === 'string' ? ca : '';
  };
  const fromSecret = (name: string): string => {
    const lying = certificatesIn(secretText(watch.secret(name), 'ca.crt') ?? '').join('');
    if (lying !== '') known = lying;
    else if (known === '') known = given();
    return known;
  };
  return () => ({
    vault: {
      endpointOf: (archive) => archiveEndpoint(archive, watch.archive(archive), vault),
      ca: vault.caSecret === undefined ? authority : fromSecret(vault.caSecret),
    },
    exempt: { users: execExemptUsers },
  });
}
