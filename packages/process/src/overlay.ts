/**
 * Environment variables and flags as values of configuration keys. Refuses to read process.env: it is handed
 * in.
 */
import { parse } from 'yaml';
import type { ConfigProblem } from './configError.ts';
import { isGroup, type KeyPath, keysIn, keyText, memberOf, type Shape, shapeAt, typesOf } from './shape.ts';
import { nearest } from './suggestion.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One key set from outside of the file. */
export interface Setting {
  readonly path: KeyPath;
  readonly value: unknown;
  readonly where: string;
}

export interface Overlay {
  readonly settings: readonly Setting[];
  readonly problems: readonly ConfigProblem[];
}

/** Variables Kubernetes makes up for every Service of a namespace; one named like us must not stop us. */
const serviceLink =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const serviceAddress = /^(?:tcp|udp|sctp):\/\/.*:\d+$/;

/**
 * `upstream.connectTimeoutMs` with prefix `PGTAPE_RECORDER_` is PGTAPE_RECORDER_UPSTREAM_CONNECT_TIMEOUT_MS.
 */
export function environmentName(prefix: string, path: readonly string[]): string {
  const words = path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_'));
  return prefix + words.join('_').toUpperCase();
}

/**
 * Keys set by the environment. An empty variable is one not set. `<prefix>CONFIG` is the command's own. A
 * variable with the prefix that names no key is a problem, unless `unknown` is `ignore` or Kubernetes made
 * it.
 */
export function environmentOverlay(
  shape: Shape,
  env: Environment,
  prefix: string,
  unknown: 'error' | 'ignore',
): Overlay {
  const known = new Map<string, { path: readonly string[]; shape: Shape }>();
  for (const { path, shape: member } of keysIn(shape)) {
    if (!isGroup(member)) known.set(environmentName(prefix, path), { path, shape: member });
  }
  const settings: Setting[] = [];
  const problems: ConfigProblem[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || text === undefined || text === '') continue;
    if (name === `${prefix}CONFIG` || serviceLink.test(name) || isServiceAddress(name, text)) continue;
    const where = `environment ${name}`;
    const leaf = known.get(name);
    if (leaf !== undefined) settings.push({ path: leaf.path, value: typedValue(text, leaf.shape), where });
    else if (unknown === 'error') {
      problems.push({ where, key: '', problem: `no such key${hint(nearest(name, known.keys()))}` });
    }
  }
  return { settings, problems };
}

function isServiceAddress(name: string, text: string): boolean {
  return name.endsWith('_PORT') && serviceAddress.test(text);
}

/**
 * Keys set by flags: an object nested like the configuration, or with dotted keys. `undefined` sets nothing.
 */
export function flagOverlay(shape: Shape, flags: object, above: KeyPath = []): Overlay {
  const settings: Setting[] = [];
  const problems: ConfigProblem[] = [];
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const path = [...above, ...name.split('.')];
    const where = `flag ${keyText(path)}`;
    const member = shapeAt(shape, path);
    if (member === undefined) problems.push({ where, key: keyText(path), problem: 'no such key' });
    else if (isGroup(member) && typeof value === 'object' && value !== null) {
      const inner = flagOverlay(shape, value, path);
      settings.push(...inner.settings);
      problems.push(...inner.problems);
    } else
      settings.push({ path, value: typeof value === 'string' ? typedValue(value, member) : value, where });
  }
  return { settings, problems };
}

/**
 * A text from outside as the type its key has; the text itself where it has no such form, for the error to
 * show.
 */
function typedValue(text: string, shape: Shape): unknown {
  const types = typesOf(shape);
  if (types.has('string') || types.size === 0) return text;
  if (types.has('array') && !text.trimStart().startsWith('[')) {
    const items = memberOf(shape, 0) ?? {};
    return text.split(',').map((item) => typedValue(item.trim(), items));
  }
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 });
    return value === null ? text : value;
  } catch {
    return text;
  }
}

export function hint(name: string | undefined): string {
  return name === undefined ? '' : `; did you mean ${name}?`;
}
