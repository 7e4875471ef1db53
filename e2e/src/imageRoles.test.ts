/** Each role of pgtape's image run as a kubelet has it run, and its supervisor as the first process of a container. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Container,
  imageUid,
  rightsOf,
  runContainer,
  startContainer,
  type UnpackedImage,
  unpackedImage,
} from './imageContainer.ts';
import { childrenOf, isThere } from './imageRoot.ts';

let image: UnpackedImage;
let volume: string;
let running: Container[] = [];
beforeAll(() => {
  image = unpackedImage();
}, 600_000);
afterAll(() => image?.remove());
beforeEach(() => {
  volume = mkdtempSync(join(tmpdir(), 'pgtape-volume-'));
});
afterEach(async () => {
  for (const { pid, ended } of running) {
    if (pid > 0 && isThere(pid)) process.kill(pid, 'SIGKILL');
    await ended;
  }
  running = [];
  rmSync(volume, { recursive: true, force: true });
});

async function start(...command: readonly string[]): Promise<Container> {
  const container = await startContainer(image, volume, command);
  running.push(container);
  return container;
}

async function until(container: Container, what: (said: string) => boolean): Promise<void> {
  while (!what(container.said())) {
    if (!isThere(container.pid)) throw new Error(`it has ended:\n${container.said()}`);
    await sleep(20);
  }
}

/** JSON is YAML. */
const configured = (name: string, config: object): void =>
  writeFileSync(join(volume, name), JSON.stringify(config), { mode: 0o644 });

const recorder = { spool: { dir: '/mnt/spool' }, journal: { dir: '/dev/shm/journal' }, stopGraceSeconds: 0 };
const recorderArgs = ['recorder', '--config', '/mnt/recorder.yaml', '--last-config', '/mnt/last.yaml'];
const started = (said: string): number => said.split('"event":"started"').length - 1;

describe('in a container without rights, whose root is read-only', () => {
  const noRights = {
    ...Object.fromEntries(
      ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => [set, '0'.repeat(16)]),
    ),
    ...Object.fromEntries(['Uid', 'Gid'].map((ids) => [ids, Array(4).fill(imageUid).join(' ')])),
    Groups: '',
    NoNewPrivs: '1',
  };

  it('nothing can be written but its volumes', async () => {
    const script =
      'for dir in / /usr/lib/pgtape /tmp /var/tmp /etc /run; do (: >$dir/written); done; : >/mnt/written';
    const { said } = await runContainer(image, volume, ['/bin/sh', '-c', script]);
    expect(said.match(/(Read-only file system|Permission denied)/g)).toHaveLength(6);
    expect(readdirSync(volume)).toEqual(['written']);
  });

  it.each([
    [[], 'Usage: pgtape'],
    [['recorder', '--config-reference'], '# Recorder'],
    [['vault', '--config-reference'], '# Vault'],
    [['operator', '--config-reference'], '# Operator'],
    [['redirect', '--help'], '--except-uid'],
    [['/usr/bin/kubectl-pgtape', '--help'], 'kubectl pgtape'],
  ])('%j says what it has to say', async (command, words) => {
    const done = await runContainer(image, volume, command.length === 0 ? image.config.config.Cmd : command);
    expect(done.said).toContain(words);
    expect(done.status).toBe(0);
  });

  it('a recorder records, and ends in order', async () => {
    configured('recorder.yaml', recorder);
    const container = await start(...recorderArgs);
    await until(container, (said) => started(said) === 1);
    const [child] = childrenOf(container.pid);
    expect(rightsOf(container.pid)).toEqual(noRights);
    expect(rightsOf(child as number)).toEqual(noRights);
    expect(container.said()).not.toContain('spool_elsewhere');
    process.kill(container.pid, 'SIGTERM');
    expect(await container.ended).toBe(0);
  });

  it('a recorder that was given nothing to write to records all the same, in memory', async () => {
    const container = await start(
      'recorder',
      '--config',
      '/nowhere.yaml',
      '--last-config',
      '/nowhere/last.yaml',
    );
    await until(container, (said) => started(said) === 1);
    expect(container.said()).toContain('spool_elsewhere');
    process.kill(container.pid, 'SIGTERM');
    expect(await container.ended).toBe(0);
  });

  it('a vault keeps evidence, and ends in order', async () => {
    configured('vault.yaml', { archive: { store: '/mnt/archive' } });
    const container = await start('vault', '--config', '/mnt/vault.yaml');
    await until(container, (said) => said.includes('"otlp":{'));
    expect(rightsOf(container.pid)).toEqual(noRights);
    process.kill(container.pid, 'SIGTERM');
    expect(await container.ended).toBe(0);
  });

  it('an operator that finds no cluster says so, and what it wants', async () => {
    const { said, status } = await runContainer(image, volume, ['operator']);
    expect(said).toContain('[CONFIG_INVALID]');
    expect(status).toBe(2);
  });

  it('a redirect that lacks NET_ADMIN says so, and keeps no pod from starting where it is optional', async () => {
    const command = ['redirect', '--from', '5432', '--to', '6432'];
    const needed = await runContainer(image, volume, command);
    expect(needed.said).toContain('REDIRECT_REFUSED');
    expect(needed.said).toContain('NET_ADMIN');
    expect(needed.status).toBe(3);
    const optional = await runContainer(image, volume, [...command, '--optional']);
    expect(optional.said).toContain('REDIRECT_REFUSED');
    expect(optional.status).toBe(0);
  });
});

describe('the supervisor as the first process of a container', () => {
  const supervised = async (script: string): Promise<Container> =>
    await start('/usr/lib/pgtape/bin/supervise', '/bin/sh', '-c', script);
  const states = (container: Container): string[] =>
    childrenOf(container.pid).map(
      (pid) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '',
    );

  it('starts a recorder that was killed at once, under its own id', async () => {
    configured('recorder.yaml', recorder);
    const container = await start(...recorderArgs);
    for (let kill = 1; kill <= 3; kill += 1) {
      await until(container, (said) => started(said) === kill);
      // One that lived a second is no broken one: nothing is waited for.
      await sleep(1100);
      process.kill(childrenOf(container.pid)[0] as number, 'SIGKILL');
    }
    await until(container, (said) => started(said) === 4);
    expect(container.said().match(/started again after 0 s/g)).toHaveLength(3);
    process.kill(container.pid, 'SIGTERM');
    expect(await container.ended).toBe(0);
  });

  it('leaves no zombies of orphans, and ends with the status of the command that it passed SIGTERM to', async () => {
    const orphans = 'for n in 1 2 3 4 5; do (sleep 0.3 & ) ; done';
    const container = await supervised(
      `${orphans}; trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.05; done`,
    );
    await until(container, (said) => said.includes('up'));
    // The orphans are its children while they sleep, and are gone then; a zombie would stay.
    for (let tries = 0; states(container).length !== 1; tries += 1) {
      if (tries > 500) throw new Error(`children of the first process: ${states(container).join(' ')}`);
      await sleep(20);
    }
    expect(states(container)).not.toContain('Z');
    process.kill(container.pid, 'SIGTERM');
    expect(await container.ended).toBe(7);
    expect(container.said()).toContain('told');
  });
});
