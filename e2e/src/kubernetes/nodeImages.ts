/** Images in the node's containerd. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Image } from './images.ts';
import { containerdSocket } from './nodeConfig.ts';
import type { NodePlace } from './nodePlace.ts';
import type { NodeProcesses } from './nodeProcesses.ts';

/** What containerd's becoming ready may take, in ms. */
const patience = 180_000;

export function containerdBinary(name: string): string {
  return join(process.env.PGTAPE_E2E_CONTAINERD ?? '', name);
}

const pgtapeRepository = 'pgtape.test/pgtape';

/** Pods name it by repository and digest, as a registry would give it. */
export async function nameByDigest(
  processes: NodeProcesses,
  place: NodePlace,
  { name }: Image,
): Promise<void> {
  const { out } = await processes.inNode([...ctr, 'images', 'list', `name==docker.io/library/${name}`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(out)?.[0];
  if (digest === undefined) throw new Error(`containerd does not have ${name}: ${out}`);
  const version = name.slice(name.indexOf(':') + 1);
  for (const reference of [`${pgtapeRepository}@${digest}`, `${pgtapeRepository}:${version}`]) {
    const tagged = await processes.inNode([...ctr, 'images', 'tag', `docker.io/library/${name}`, reference]);
    if (tagged.status !== 0) throw new Error(tagged.err);
  }
  writeFileSync(
    join(place.dir, 'pgtape.json'),
    JSON.stringify({ repository: pgtapeRepository, digest, version }),
  );
}

const ctr = [containerdBinary('ctr'), '--address', containerdSocket, '--namespace', 'k8s.io'];

/** Waits for containerd. @throws Error with what it said */
export async function importImages(processes: NodeProcesses, images: readonly Image[]): Promise<void> {
  for (let waited = 0; ; waited += 100) {
    const { status, err } = await processes.inNode([...ctr, 'version']);
    if (status === 0) break;
    if (waited > patience || !processes.isRunning('containerd')) throw new Error(err);
    await sleep(100);
  }
  for (const { file } of images) {
    const ran = await processes.inNode([...ctr, 'images', 'import', '--local', file]);
    if (ran.status !== 0) throw new Error(`import of ${file}: ${ran.err}`);
  }
}
