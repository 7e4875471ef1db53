/**
 * Owns what the leader makes for the vault: its certificate, renewed as the webhook's is, and the key of its log, once.
 * What lies there and is not understood is told and left alone; of the key, the status of the archive says so, too.
 */
import { isObjectGone, type KubeObject, type KubeObjects, type WorkOutcome } from '@pgtape/kube';
import { keepCertificates } from './certificateKeeper.ts';
import type { CertificateMaterial } from './certificateMaterial.ts';
import { FIELD_MANAGER } from './clusterNames.ts';
import { recordingArchives } from './clusterResources.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import { logKeyCondition } from './logKeyCondition.ts';
import { LOG_KEY, type LogKeyState, logKeyState, makeLogKey } from './logKeySecret.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import { vaultNames } from './webhookPlaces.ts';

export interface VaultSecretsOptions {
  readonly objects: KubeObjects;
  readonly watch: Pick<ClusterWatch, 'secret' | 'archive' | 'unknown'>;
  readonly isPublished: (material: CertificateMaterial, nowMs: number) => boolean;
  /** Something that only people can put right. */
  readonly told: (regarding: KubeObject, reason: string, note: string) => void;
  readonly wallMs: () => number;
}

const lookEveryMs = 60_000;
/** While not everything is known: a key must not be made because it was not seen yet. */
const lookAgainMs = 1000;

export function vaultSecrets(
  config: OperatorConfig,
  { objects, watch, isPublished, told, wallMs }: VaultSecretsOptions,
): (signal: AbortSignal) => Promise<WorkOutcome> {
  const { namespace, certificates } = config;
  const { archive, caSecret, logSecret } = config.vault;

  const keepCertificate = async (name: string, signal: AbortSignal): Promise<void> => {
    const notUnderstood = (secret: KubeObject): void =>
      told(secret, 'SecretNotUnderstood', 'it holds no certificates that the operator made: left as it is');
    await keepCertificates(
      {
        objects,
        place: { namespace, name },
        authority: 'pgtape vault authority',
        names: vaultNames(config),
        found: () => watch.secret(name),
        isPublished,
        notUnderstood,
        wallMs,
      },
      signal,
    );
  };

  const keepLogKey = async (name: string, signal: AbortSignal): Promise<LogKeyState> => {
    const secret = watch.secret(name);
    const served = watch.archive(archive);
    const state = logKeyState(secret, served);
    if (state === 'make') await makeLogKey(objects, { namespace, name }, signal);
    else if (state === 'not_understood' && secret !== undefined)
      told(secret, 'SecretNotUnderstood', `${LOG_KEY} in it is no Ed25519 key in PKCS #8: left as it is`);
    else if (state === 'lost' && served !== undefined)
      told(
        served,
        'LogKeyLost',
        `the log of this archive was signed by a key in Secret ${namespace}/${name}, which is gone: ` +
          'bring it back from a backup; a new one would be another log, and is not made',
      );
    return state;
  };

  const sayLogKey = async (name: string, state: LogKeyState, signal: AbortSignal): Promise<void> => {
    const served = watch.archive(archive);
    if (served === undefined) return;
    const condition = logKeyCondition(served, state, `${namespace}/${name}`, wallMs());
    if (condition === null) return;
    const { apiVersion, kind, metadata } = served;
    const { uid } = metadata;
    const status = { conditions: [condition] };
    await objects
      .apply(
        recordingArchives,
        { apiVersion, kind, metadata: { name: archive, ...(uid === undefined ? {} : { uid }) }, status },
        { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
      )
      .catch((error: unknown) => {
        if (!isObjectGone(error)) throw error;
      });
  };

  return async (signal) => {
    if (watch.unknown.length > 0) return { againAfterMs: lookAgainMs };
    const state = logSecret === undefined ? null : await keepLogKey(logSecret, signal);
    if (caSecret !== undefined && certificates.issuer === 'self') await keepCertificate(caSecret, signal);
    // Last: whoever may not write it still makes what the vault starts with.
    if (logSecret !== undefined && state !== null) await sayLogKey(logSecret, state, signal);
    return { againAfterMs: lookEveryMs };
  };
}
