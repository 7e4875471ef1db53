/** Owns following the ConfigMap in which the operator publishes its configurations. Refuses to judge what it says. */
import { configMaps, type KubeTransport, Reflector } from '@pgtape/kube';
import type { Logger } from 'pino';
import { type PublishedPolicy, readPublished } from './publishedPolicy.ts';

export interface PublishedPlace {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Calls `published` with each state. A ConfigMap that goes changes nothing: who deletes it must not silence the comparison. The
 * answer ends it.
 */
export function followPublished(
  connection: KubeTransport,
  { namespace, name }: PublishedPlace,
  published: (now: ReadonlyMap<string, PublishedPolicy>) => void,
  log: Logger,
): () => Promise<void> {
  const reflector = new Reflector({
    resource: configMaps,
    connection,
    namespace,
    fieldSelector: `metadata.name=${name}`,
    events: {
      change: ({ type, object }) => {
        if (type !== 'deleted') published(readPublished(object.data));
        else log.warn({ namespace, name }, 'the published configurations are gone; the last ones count');
      },
      trouble: (error, waitMs) => log.debug({ problem: error.message, waitMs }, 'watch ended'),
    },
  });
  reflector.start();
  return () => reflector.stop();
}
