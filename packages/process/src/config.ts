/**
 * Loads a process's configuration: one YAML file, over it the environment, over it flags, checked by a zod
 * schema. It refuses to read anything itself; files and environment are handed in.
 */
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './configError.ts';
import { type Environment, environmentOverlay, flagOverlay, hint, type Setting } from './overlay.ts';
import {
  isGroup,
  type KeyPath,
  keysOf,
  keyText,
  memberOf,
  type Shape,
  shapeAt,
  shapeOf,
  typeText,
} from './shape.ts';
import { nearest } from './suggestion.ts';
import { YamlSource } from './yamlSource.ts';

export interface ConfigSources<S extends z.ZodType> {
  /** An object schema. Keys it does not have are errors whether it is strict or not. */
  readonly schema: S;
  /** `path` is only shown. */
  readonly file?: { readonly path: string; readonly text: string };
  readonly env: Environment;
  /** `PGTAPE_RECORDER_`: then PGTAPE_RECORDER_UPSTREAM_HOST sets `upstream.host`. */
  readonly envPrefix: string;
  /** Nested like the configuration, or with dotted keys. */
  readonly flags?: object;
  /** What a variable with the prefix that names no key is. Default `error`. */
  readonly unknownEnv?: 'error' | 'ignore';
}

/**
 * The configuration with its defaults. Flags override the environment, which overrides the file.
 * @throws ConfigError with every problem: where it is written, its key, what was expected, what was given.
 */
export function loadConfig<S extends z.ZodType>(sources: ConfigSources<S>): z.infer<S> {
  const { schema, file, env, envPrefix, flags = {}, unknownEnv = 'error' } = sources;
  const shape = shapeOf(schema);
  const yaml = file === undefined ? null : new YamlSource(file.path, file.text);
  const environment = environmentOverlay(shape, env, envPrefix, unknownEnv);
  const flagged = flagOverlay(shape, flags);
  const settings = [...environment.settings, ...flagged.settings];
  const places = new Places(yaml, settings);
  const problems: ConfigProblem[] = [];
  const config = withoutUnknown(yaml?.value ?? {}, shape, [], places, problems);
  problems.push(...environment.problems, ...flagged.problems);
  for (const { path, value } of settings) set(config, path, value);
  addGroups(config, shape);
  const result = schema.safeParse(config);
  if (!result.success) {
    for (const issue of result.error.issues) problems.push(problemOf(issue, config, shape, places));
  }
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return result.data;
}

/** Where each key was written last. */
class Places {
  readonly #yaml: YamlSource | null;
  readonly #settings = new Map<string, string>();

  constructor(yaml: YamlSource | null, settings: readonly Setting[]) {
    this.#yaml = yaml;
    for (const { path, where } of settings) this.#settings.set(keyText(path), where);
  }

  value(path: KeyPath): string {
    for (let length = path.length; length > 0; length--) {
      const where = this.#settings.get(keyText(path.slice(0, length)));
      if (where !== undefined) return where;
    }
    return this.#yaml?.valueAt(path) ?? 'configuration';
  }

  key(path: KeyPath): string {
    return this.#yaml?.keyAt(path) ?? this.value(path);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A copy without the keys the shape does not have, which become problems. A group written without keys is an
 * empty one.
 */
function withoutUnknown(
  value: unknown,
  shape: Shape | undefined,
  path: KeyPath,
  places: Places,
  problems: ConfigProblem[],
): unknown {
  const copy = (member: unknown, key: string | number) =>
    withoutUnknown(member, shape && memberOf(shape, key), [...path, key], places, problems);
  if (Array.isArray(value)) return value.map(copy);
  if (value === null && shape !== undefined && isGroup(shape)) return {};
  if (!isObject(value)) return value;
  const known = shape === undefined ? null : keysOf(shape);
  const out: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (known === null || known.includes(key)) {
      Object.defineProperty(out, key, {
        value: copy(member, key),
        enumerable: true,
        writable: true,
        configurable: true,
      });
      continue;
    }
    const where = places.key([...path, key]);
    const problem = `no such key${hint(nearest(key, known))}`;
    problems.push({ where, key: keyText([...path, key]), problem });
  }
  return out;
}

function set(config: unknown, path: KeyPath, value: unknown): void {
  let at = config;
  for (const [depth, key] of path.entries()) {
    if (!isObject(at)) return;
    if (depth === path.length - 1) at[key] = value;
    else at = at[key] ??= {};
  }
}

/** Required groups that nobody wrote: then what is missing is named by its own key. */
function addGroups(config: unknown, shape: Shape): void {
  if (!isObject(config)) return;
  for (const [key, member] of Object.entries(shape.properties ?? {})) {
    if (!isGroup(member)) continue;
    if (config[key] === undefined && shape.required?.includes(key)) config[key] = {};
    addGroups(config[key], member);
  }
}

type Issue = z.core.$ZodIssue;

function problemOf(issue: Issue, config: unknown, shape: Shape, places: Places): ConfigProblem {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const key = keyText(path);
  if (issue.code === 'unrecognized_keys') {
    const [first = ''] = issue.keys;
    const known = keysOf(shapeAt(shape, path) ?? {}) ?? [];
    const problem = `no such key${hint(nearest(first, known))}`;
    return { where: places.key([...path, first]), key: keyText([...path, first]), problem };
  }
  const where = places.value(path);
  if (issue.code === 'custom') return { where, key, problem: issue.message };
  const at = shapeAt(shape, path);
  const expected = at === undefined ? issue.message : `expected ${typeText(at)}`;
  return { where, key, problem: `${expected}, given ${givenText(config, path)}` };
}

const secretName = /pass(?:word|wd|phrase)?$|secret|token|credential|key$/i;

function givenText(config: unknown, path: KeyPath): string {
  let value = config;
  for (const key of path) value = (value as Record<string | number, unknown> | null | undefined)?.[key];
  if (value === undefined) return 'nothing';
  if (path.some((key) => secretName.test(String(key)))) return 'a value that is not shown';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
