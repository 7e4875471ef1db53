/** Owns what a line of a watch says. Pure. */
import { type KubeError, statusError } from './kubeError.ts';
import { hasMetadata, type KubeObject, typed } from './kubeObject.ts';
import { apiVersionOf, type KubeResource } from './resource.ts';

export type WatchEvent =
  | { readonly type: 'changed'; readonly object: KubeObject; readonly version: string }
  | { readonly type: 'deleted'; readonly object: KubeObject; readonly version: string }
  /** Nothing changed up to `version`. */
  | { readonly type: 'bookmark'; readonly version: string }
  /** The server ends the watch; `KUBE_GONE` when `version` is too old. */
  | { readonly type: 'error'; readonly error: KubeError }
  /** Not what the API promises. */
  | { readonly type: 'unreadable' };

const unreadable: WatchEvent = { type: 'unreadable' };

interface Line {
  readonly type?: unknown;
  readonly object?: unknown;
}

/** Never throws. */
export function watchEventOf(resource: KubeResource, line: string): WatchEvent {
  const { type, object } = parsed(line);
  if (type === 'ERROR') return { type: 'error', error: watchError(resource, object) };
  if (type === 'BOOKMARK') return bookmarkOf(object);
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return unreadable;
  if (!hasMetadata(object) || typeof object.metadata.resourceVersion !== 'string') return unreadable;
  const whole = typed(object, String(object.apiVersion ?? apiVersionOf(resource)), resource.kind);
  const version = object.metadata.resourceVersion;
  return { type: type === 'DELETED' ? 'deleted' : 'changed', object: whole, version };
}

function parsed(line: string): Line {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** A bookmark's object has no name, only its resource version. */
function bookmarkOf(object: unknown): WatchEvent {
  const version = (object as { metadata?: { resourceVersion?: unknown } } | null)?.metadata?.resourceVersion;
  return typeof version === 'string' ? { type: 'bookmark', version } : unreadable;
}

function watchError(resource: KubeResource, object: unknown): KubeError {
  const code = (object as { code?: unknown } | null)?.code;
  return statusError(
    `the watch of ${resource.plural}`,
    typeof code === 'number' ? code : 500,
    object,
    undefined,
  );
}
