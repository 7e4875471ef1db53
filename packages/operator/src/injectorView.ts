/** Owns what this process knows of the cluster, as injecting needs it: for the webhook, and for saying what it would do. */
import type { KubeObject } from '@pgtape/kube';
import { ENFORCE_LABEL } from './clusterFacts.ts';
import type { InjectorView } from './injector.ts';
import type { OperatorContext } from './operatorContext.ts';

/** Of a namespace that may not be looked at: a pod changed beyond what it allows would be refused. */
function strictest(name: string): KubeObject {
  const labels = { [ENFORCE_LABEL]: 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function injectorView({ config, server, watch, settings }: OperatorContext): InjectorView {
  return {
    database: (key) => watch.database(key),
    databases: () => watch.databases,
    namespace: (name) => (watch.refused.has('namespaces') ? strictest(name) : watch.namespace(name)),
    networkServices: () => watch.networkServices,
    settings,
    image: config.image,
    // Nothing is answered before it is known.
    minorVersion: () => server.facts?.minorVersion ?? 0,
  };
}
