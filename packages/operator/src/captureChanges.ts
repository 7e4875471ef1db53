/** Owns what a capture mode changes in PostgreSQL's own container. Pure. */
import type { AchievableMode, CaptureFacts } from './capturePlan.ts';
import type { JsonPatchOperation } from './jsonPatch.ts';
import type { PodFacts } from './podFacts.ts';

/** Where PostgreSQL moves to: an address of the loopback network that nobody asks by chance. */
const SWAPPED_ADDRESS = '127.0.0.2';
const flag = `-c listen_addresses=${SWAPPED_ADDRESS}`;
/** What Bitnami's run script adds to PostgreSQL's command line. */
const bitnamiFlags = 'POSTGRESQL_EXTRA_FLAGS';
/** Of the container's port that gives its name to the recorder. */
const directSuffix = '-direct';

export function captureChanges(
  pod: PodFacts,
  name: string,
  mode: AchievableMode,
  facts: CaptureFacts,
): JsonPatchOperation[] {
  const index = pod.spec.containers.findIndex((one) => one.name === name);
  const path = `/spec/containers/${index}`;
  const guard: JsonPatchOperation = { op: 'test', path: `${path}/name`, value: name };
  if (mode === 'AddressSwap') return [guard, ...addressSwap(pod, index, path, facts)];
  if (mode === 'NamedPort') return [guard, ...portRenamed(pod, index, path, facts)];
  return [];
}

function addressSwap(
  pod: PodFacts,
  index: number,
  path: string,
  { platform }: CaptureFacts,
): JsonPatchOperation[] {
  const container = pod.spec.containers[index];
  if (platform === 'Bitnami') return environment(container?.env, path);
  const { args } = container ?? {};
  // Arguments that begin with a dash are PostgreSQL's: the official image puts the command before them.
  const added = flag.split(' ');
  if (args === undefined) return [{ op: 'add', path: `${path}/args`, value: added }];
  return added.map((value) => ({ op: 'add', path: `${path}/args/-`, value }));
}

function environment(
  env: readonly { readonly name: string; readonly value?: string | undefined }[] | undefined,
  path: string,
): JsonPatchOperation[] {
  const added = { name: bitnamiFlags, value: flag };
  if (env === undefined) return [{ op: 'add', path: `${path}/env`, value: [added] }];
  const at = env.findIndex(({ name }) => name === bitnamiFlags);
  const given = env[at]?.value;
  if (at < 0) return [{ op: 'add', path: `${path}/env/-`, value: added }];
  return [
    { op: 'test', path: `${path}/env/${at}/name`, value: bitnamiFlags },
    { op: 'add', path: `${path}/env/${at}/value`, value: given === undefined ? flag : `${given} ${flag}` },
  ];
}

function portRenamed(
  pod: PodFacts,
  index: number,
  path: string,
  { namedPort }: CaptureFacts,
): JsonPatchOperation[] {
  const ports = pod.spec.containers[index]?.ports ?? [];
  const at = ports.findIndex((port) => port.name === namedPort);
  // A port's name has at most 15 characters.
  const renamed = `${(namedPort ?? '').slice(0, 15 - directSuffix.length)}${directSuffix}`;
  return [
    { op: 'test', path: `${path}/ports/${at}/name`, value: namedPort },
    { op: 'replace', path: `${path}/ports/${at}/name`, value: renamed },
  ];
}
