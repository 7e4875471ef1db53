/** Owns what this process knows of the cluster, as injecting needs it: for the webhook, and for saying what it would do. */
import type { InjectorView } from './injector.ts';
import type { OperatorContext } from './operatorContext.ts';

export function injectorView({ config, server, watch, settings }: OperatorContext): InjectorView {
  return {
    database: (key) => watch.database(key),
    databases: () => watch.databases,
    namespace: (name) => watch.namespace(name),
    networkServices: () => watch.networkServices,
    settings,
    image: config.image,
    // Nothing is answered before it is known.
    minorVersion: () => server.facts?.minorVersion ?? 0,
  };
}
