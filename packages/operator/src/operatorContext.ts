/** What every part of the operator's process is given. Decides nothing. */
import type { KubeConnection, KubeObjects } from '@pgtape/kube';
import type { logger, SystemClock } from '@pgtape/process';
import type { ApiServer } from './apiServer.ts';
import type { CertificateMaterial } from './certificateMaterial.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import type { OperatorMetrics } from './operatorMetrics.ts';

export interface OperatorContext {
  readonly config: OperatorConfig;
  /** Of this build. */
  readonly version: string;
  readonly connection: KubeConnection;
  readonly objects: KubeObjects;
  readonly server: ApiServer;
  readonly watch: ClusterWatch;
  readonly measured: OperatorMetrics;
  readonly log: ReturnType<typeof logger>;
  readonly clock: SystemClock;
  readonly wallMs: () => number;
  readonly settings: () => RecordingSettings;
  /** What the webhook serves; null: not yet. */
  readonly material: () => CertificateMaterial | null;
}
