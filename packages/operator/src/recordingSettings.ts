/** Owns what recorders are configured with beside what their database says: from configuration and cluster, as it is now. */
import type { KubeObject } from '@pgtape/kube';
import { archiveAuthority, archiveEndpoint } from './archiveEndpoint.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import { archiveRefOf } from './databaseFacts.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import { annotations } from './injectionPlan.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import { certificatesIn, secretText } from './secretText.ts';

/** Whether recorders that are configured by this ConfigMap know their vault by the authority of the release. */
export function isOfReleaseVault(
  { metadata }: KubeObject,
  vault: OperatorConfig['vault'],
  watch: Pick<ClusterWatch, 'archive' | 'database'>,
): boolean {
  const database = watch.database(metadata.annotations?.[annotations.by] ?? '');
  const ref = database === undefined ? null : archiveRefOf(database);
  return ref !== null && archiveAuthority(ref, watch.archive(ref), vault) === null;
}

/** @param authority PEM that the configuration gives; '' where a Secret does, or nothing */
export function recordingSettings(
  { vault, execExemptUsers }: OperatorConfig,
  authority: string,
  watch: Pick<ClusterWatch, 'secret' | 'archive' | 'database' | 'owned'>,
): () => RecordingSettings {
  let known = '';
  // What recorders have stays theirs while the Secret is gone: without an authority they would send nothing.
  const given = (): string => {
    const found = watch.owned.find((object) => isOfReleaseVault(object, vault, watch));
    const ca = (found?.data as Record<string, unknown> | undefined)?.['ca.crt'];
    return typeof ca === 'string' ? ca : '';
  };
  const fromSecret = (name: string): string => {
    const lying = certificatesIn(secretText(watch.secret(name), 'ca.crt') ?? '').join('');
    if (lying !== '') known = lying;
    else if (known === '') known = given();
    return known;
  };
  return () => {
    const ca = vault.caSecret === undefined ? authority : fromSecret(vault.caSecret);
    return {
      vault: {
        endpointOf: (archive) => archiveEndpoint(archive, watch.archive(archive), vault),
        caOf: (archive) => archiveAuthority(archive, watch.archive(archive), vault) ?? ca,
        ca,
      },
      exempt: { users: execExemptUsers },
    };
  };
}
