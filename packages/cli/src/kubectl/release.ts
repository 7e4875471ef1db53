/** Owns where pgtape itself runs: found by the labels of its Services, of which every release has some. */
import { type KubeObject, pods } from '@pgtape/kube';
import { networkServices } from '@pgtape/operator';
import { CommandError, exitCode } from '../exitCode.ts';
import { type Cluster, everyObject, tried } from './cluster.ts';
import type { ReleaseFlags } from './clusterOptions.ts';

export interface Release {
  readonly namespace: string;
  /** As Helm calls it. */
  readonly name: string;
  /** What the names of its objects begin with. */
  readonly prefix: string;
}

const partOf = 'app.kubernetes.io/part-of=pgtape';
const labels = { release: 'app.kubernetes.io/instance', component: 'app.kubernetes.io/component' } as const;
const namespaceDefault = 'pgtape-system';

/** Pure: the releases that these Services are of, each once. */
export function releasesOf(services: readonly KubeObject[]): Release[] {
  const found = new Map<string, Release>();
  for (const { metadata } of services) {
    const { namespace = '' } = metadata;
    const name = metadata.labels?.[labels.release];
    const component = metadata.labels?.[labels.component];
    if (name === undefined || component === undefined || !metadata.name.endsWith(`-${component}`)) continue;
    const prefix = metadata.name.slice(0, -component.length - 1);
    found.set(`${namespace}/${name}`, { namespace, name, prefix });
  }
  return [...found.values()];
}

/**
 * Pure: of several, the one where pgtape is by default. Labels are anybody's to set: a Service of a tenant's must neither stand for the
 * release nor keep people from it. @throws CommandError `NO_RELEASE`, `WHICH_RELEASE`
 */
export function oneRelease(found: readonly Release[], { release, pgtapeNamespace }: ReleaseFlags): Release {
  const meant = found.filter(({ name }) => release === undefined || name === release);
  const byDefault = meant.filter(({ namespace }) => namespace === namespaceDefault);
  const [only, ...more] = byDefault.length > 0 ? byDefault : meant;
  if (only === undefined) {
    const which = release === undefined ? 'pgtape' : `a release '${release}' of pgtape`;
    const where = pgtapeNamespace === undefined ? '' : ` in namespace ${pgtapeNamespace}`;
    throw new CommandError('NO_RELEASE', `${which} was not found${where}`, {
      exit: exitCode.environment,
      advice: `Its Services carry the label ${partOf}. Where you may not list Services of all namespaces: --pgtape-namespace NAME.`,
    });
  }
  if (more.length === 0) return only;
  const names = meant.map(({ namespace, name }) => `${name} in ${namespace}`).join(', ');
  throw new CommandError('WHICH_RELEASE', `pgtape is installed more than once: ${names}`, {
    exit: exitCode.usage,
    advice: 'Say which one: --release NAME, or --pgtape-namespace NAME.',
  });
}

/** @throws CommandError of `oneRelease` */
export async function releaseIn(cluster: Cluster, flags: ReleaseFlags): Promise<Release> {
  const { pgtapeNamespace } = flags;
  const from = async (namespace?: string): Promise<KubeObject[]> =>
    await everyObject(cluster, networkServices, {
      labelSelector: partOf,
      ...(namespace === undefined ? {} : { namespace }),
    });
  if (pgtapeNamespace !== undefined) return oneRelease(releasesOf(await from(pgtapeNamespace)), flags);
  // Who reads evidence need not see the whole cluster.
  const everywhere = await tried(from());
  if (everywhere.isRead) return oneRelease(releasesOf(everywhere.value), flags);
  const there = await tried(from(namespaceDefault));
  return oneRelease(there.isRead ? releasesOf(there.value) : [], flags);
}

/** Pods of the release itself: webhook, controller, vault. Rejects with KubeError. */
export async function releasePods(
  cluster: Cluster,
  { namespace, name }: Release,
  components: readonly string[] = ['webhook', 'controller', 'vault'],
): Promise<KubeObject[]> {
  const labelSelector = `${labels.release}=${name},${labels.component} in (${components.join(',')})`;
  return await everyObject(cluster, pods, { namespace, labelSelector });
}
