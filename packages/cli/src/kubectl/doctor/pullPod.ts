/** Whether the recorder's image can be pulled where a database runs: a pod that does nothing else, made and deleted. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeObject, pods } from '@pgtape/kube';
import { RECORDER_CONTAINER } from '@pgtape/operator';
import { type Cluster, tried } from '../cluster.ts';
import { type DatabaseView, podsOf } from '../recordedDatabases.ts';
import { type Finding, judge } from './finding.ts';
import { imageFindings } from './imageChecks.ts';
import { podSight } from './podReading.ts';

const patienceMs = 60_000;
const pollMs = 500;

/** Admitted under Pod Security `restricted`; nothing selects it. */
export function pullPod(name: string, namespace: string, image: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'pgtape-doctor' } },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      activeDeadlineSeconds: 120,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'pull',
          image,
          imagePullPolicy: 'Always',
          args: ['--version'],
          resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}

/** The image that its recorders run, or are to run; null: no pod of it tells. */
async function imageOf(cluster: Cluster, database: DatabaseView): Promise<string | null> {
  const named = database.spec?.recorder.image;
  if (named !== undefined) return named;
  const running = (await podsOf(cluster, database)).map(({ object }) => podSight(object));
  const recorders = running.flatMap((pod) => pod?.initContainers ?? []);
  return recorders.find(({ name }) => name === RECORDER_CONTAINER)?.image ?? null;
}

async function pulled(cluster: Cluster, namespace: string, name: string, about: string): Promise<Finding> {
  for (const end = performance.now() + patienceMs; performance.now() < end; ) {
    const object = await cluster.objects.get(pods, { namespace, name }, cluster.stop);
    const sight = podSight(object);
    const [finding] = sight === null ? [] : imageFindings(sight, about, () => true);
    // The first refusal may be one that is gone a moment later, the second is not.
    if (finding !== undefined && !/ErrImagePull/.test(finding.message)) return finding;
    await sleep(pollMs, undefined, { signal: cluster.stop });
  }
  return judge('image_pull', about).fail(`it was not pulled within ${patienceMs / 1000} s`, 'pgtape');
}

/** Makes the pod, waits for the kubelet's word and deletes it, whatever that was. */
export async function pullFindings(cluster: Cluster, database: DatabaseView): Promise<Finding[]> {
  const { namespace } = database;
  const image = await imageOf(cluster, database);
  const name = `pgtape-pull-${randomBytes(4).toString('hex')}`;
  const { unknown } = judge('image_pull', `${namespace}/${name}`);
  if (image === null) return [unknown('no pod has a recorder, and spec.recorder.image names no image')];
  const made = await tried(
    cluster.objects.create(pods, pullPod(name, namespace, image), { signal: cluster.stop }),
  );
  if (!made.isRead) return [unknown(made.why, 'cluster')];
  try {
    return [await pulled(cluster, namespace, name, `${namespace}/${name}`)];
  } finally {
    await cluster.objects.delete(pods, { namespace, name }, made.value.metadata.uid);
  }
}
