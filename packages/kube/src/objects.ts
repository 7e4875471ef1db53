/** Owns reading and writing single objects and collections as raw JSON. Refuses to watch, retry or cache. */
import type { KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import { hasMetadata, type KubeObject, type ObjectMeta, typed } from './kubeObject.ts';
import { apiVersionOf, type KubeResource, type ResourcePlace, resourcePath } from './resource.ts';

export interface ListPage {
  readonly items: readonly KubeObject[];
  /** Of the collection: where a watch goes on. */
  readonly resourceVersion: string;
  /** Token of the next page; '' on the last. */
  readonly next: string;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Checked and admitted by the server, not stored. */
  readonly dryRun?: boolean;
}

export interface ReplaceOptions extends WriteOptions {
  /** Who is told to have written; absent, what the API server makes of the client's name. */
  readonly fieldManager?: string;
}

export interface ApplyOptions extends WriteOptions {
  /** Owner of the fields (server-side apply). */
  readonly fieldManager: string;
  /** Takes fields that somebody else owns. */
  readonly force?: boolean;
  readonly subresource?: string;
}

/** `namespace` and `name` of the object itself. */
function placeOf(resource: KubeResource, { metadata }: Pick<KubeObject, 'metadata'>): ResourcePlace {
  const { namespace, name } = metadata;
  return resource.namespaced ? { name, ...(namespace === undefined ? {} : { namespace }) } : { name };
}

/** Query of a selection, the same for list and watch. */
export function selection(options: ListOptions): Record<string, string> {
  const { labelSelector, fieldSelector } = options;
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** Every method rejects with KubeError, or the signal's reason. */
export class KubeObjects {
  readonly #connection: KubeTransport;

  constructor(connection: KubeTransport) {
    this.#connection = connection;
  }

  async get(resource: KubeResource, place: ResourcePlace, signal?: AbortSignal): Promise<KubeObject> {
    return await this.#object(resource, {
      method: 'GET',
      path: resourcePath(resource, place),
      ...withSignal(signal),
    });
  }

  /** null where there is none. */
  async find(resource: KubeResource, place: ResourcePlace, signal?: AbortSignal): Promise<KubeObject | null> {
    try {
      return await this.get(resource, place, signal);
    } catch (error) {
      if (error instanceof KubeError && error.code === 'KUBE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** One page of at most `limit` objects; `from` is the page before's `next`. */
  async page(resource: KubeResource, options: ListOptions, limit: number, from = ''): Promise<ListPage> {
    const { namespace, signal } = options;
    const answer = await this.#connection.request({
      method: 'GET',
      path: resourcePath(resource, namespace === undefined ? {} : { namespace }),
      query: { ...selection(options), limit: String(limit), ...(from === '' ? {} : { continue: from }) },
      ...withSignal(signal),
    });
    return pageOf(resource, answer);
  }

  /** @throws KubeError `KUBE_CONFLICT` when it exists */
  async create(resource: KubeResource, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { namespace } = placeOf(resource, object);
    return await this.#object(resource, {
      method: 'POST',
      path: resourcePath(resource, namespace === undefined ? {} : { namespace }),
      query: dryRun(options),
      body: object,
      ...withSignal(options.signal),
    });
  }

  /** Replaces the whole object; `metadata.resourceVersion` makes it conditional. */
  async replace(
    resource: KubeResource,
    object: KubeObject,
    options: ReplaceOptions = {},
  ): Promise<KubeObject> {
    const { fieldManager } = options;
    return await this.#object(resource, {
      method: 'PUT',
      path: resourcePath(resource, placeOf(resource, object)),
      query: { ...dryRun(options), ...(fieldManager === undefined ? {} : { fieldManager }) },
      body: object,
      ...withSignal(options.signal),
    });
  }

  /** Server-side apply: `object` holds the fields that `fieldManager` wants to own, and no others. */
  async apply(resource: KubeResource, object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const { subresource } = options;
    const place = placeOf(resource, object);
    return await this.#object(resource, {
      method: 'PATCH',
      path: resourcePath(resource, subresource === undefined ? place : { ...place, subresource }),
      query: {
        ...dryRun(options),
        fieldManager: options.fieldManager,
        ...(options.force === true ? { force: 'true' } : {}),
      },
      body: object,
      // JSON is YAML; the API server takes apply patches under this name only.
      contentType: 'application/apply-patch+yaml',
      ...withSignal(options.signal),
    });
  }

  /** JSON patch (RFC 6902) or merge patch (RFC 7386), by the patch's shape. */
  async patch(
    resource: KubeResource,
    place: ResourcePlace,
    patch: readonly object[] | Readonly<Record<string, unknown>>,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    return await this.#object(resource, {
      method: 'PATCH',
      path: resourcePath(resource, place),
      query: dryRun(options),
      body: patch,
      contentType: Array.isArray(patch) ? 'application/json-patch+json' : 'application/merge-patch+json',
      ...withSignal(options.signal),
    });
  }

  /** `uid`: only that very object. @returns false where there was none */
  async delete(
    resource: KubeResource,
    place: ResourcePlace,
    uid?: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    try {
      await this.#connection.request({
        method: 'DELETE',
        path: resourcePath(resource, place),
        ...(uid === undefined
          ? {}
          : { body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } } }),
        ...withSignal(signal),
      });
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.code === 'KUBE_NOT_FOUND') return false;
      throw error;
    }
  }

  async #object(
    resource: KubeResource,
    request: Parameters<KubeTransport['request']>[0],
  ): Promise<KubeObject> {
    const answer = await this.#connection.request(request);
    if (!hasMetadata(answer))
      throw new KubeError('KUBE_ANSWER', `${request.method} ${request.path} was answered without an object`);
    return typed(
      answer,
      String(answer.apiVersion ?? apiVersionOf(resource)),
      String(answer.kind ?? resource.kind),
    );
  }
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function dryRun({ dryRun: isDry }: WriteOptions): Record<string, string> {
  return isDry === true ? { dryRun: 'All' } : {};
}

interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown };
  readonly items?: unknown;
}

function pageOf(resource: KubeResource, answer: unknown): ListPage {
  const { metadata = {}, items }: ListAnswer = typeof answer === 'object' && answer !== null ? answer : {};
  const found: unknown[] | null = items === null ? [] : Array.isArray(items) ? items : null;
  if (found === null || !found.every(hasMetadata) || typeof metadata.resourceVersion !== 'string')
    throw new KubeError('KUBE_ANSWER', `the list of ${resource.plural} is none`);
  const version = apiVersionOf(resource);
  return {
    items: (found as ({ metadata: ObjectMeta } & Record<string, unknown>)[]).map((item) =>
      typed(item, version, resource.kind),
    ),
    resourceVersion: metadata.resourceVersion,
    next: typeof metadata.continue === 'string' ? metadata.continue : '',
  };
}
