/** `pgtape redirect` in a real network namespace: who reaches whom, from outside, over the loopback, and as the recorder's user. */
import type { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type NetworkNamespace, podAddresses, startPodNetwork } from './networkNamespace.ts';

const pgtape = fileURLToPath(new URL('../../pgtape', import.meta.url));
const recorderUid = 65_532;
const command = [pgtape, 'redirect', '--from', '5432', '--to', '6432', '--except-uid', String(recorderUid)];

/** Says its name to whoever connects, over either family. */
const listener = (port: number, name: string): string[] => [
  process.execPath,
  '-e',
  `require('node:net').createServer((s) => { s.on('error', () => {}); s.end('${name}'); }).listen(${port}, '::', () => console.log('up'))`,
];

/** Who answers; as `uid`. */
function reached(from: NetworkNamespace, address: string, uid = 0): string {
  const dial = `const s = require('node:net').connect(5432, '${address}'); s.on('data', (d) => process.stdout.write(d)); s.on('error', (e) => process.stdout.write(e.code))`;
  return from.run([process.execPath, '-e', dial], uid);
}

const inPod = ['127.0.0.1', '::1', podAddresses.v4, podAddresses.v6];

describe('pgtape redirect', () => {
  let pod: NetworkNamespace;
  let outside: NetworkNamespace;

  beforeAll(async () => {
    ({ pod, outside } = await startPodNetwork());
    await pod.start(listener(5432, 'server'));
    await pod.start(listener(6432, 'recorder'));
    for (let tried = 0; tried < 500 && reached(outside, podAddresses.v6) !== 'server'; tried += 1)
      await sleep(50);
  });

  afterAll(() => {
    outside?.stop();
    pod?.stop();
  });

  it('leads everybody to the recorder but the recorder itself, IPv4 and IPv6', () => {
    for (const address of inPod) expect([address, reached(pod, address)]).toEqual([address, 'server']);
    for (const address of Object.values(podAddresses)) expect(reached(outside, address)).toBe('server');

    expect(pod.run(command)).toContain('port 5432 leads to 6432, but for uid 65532: IPv4 and IPv6');

    // As kubectl port-forward dials, and as a probe of the kubelet within the pod does.
    for (const address of inPod) expect([address, reached(pod, address)]).toEqual([address, 'recorder']);
    for (const address of inPod) expect([address, reached(pod, address, 999)]).toEqual([address, 'recorder']);
    for (const address of inPod)
      expect([address, reached(pod, address, recorderUid)]).toEqual([address, 'server']);
    for (const address of Object.values(podAddresses)) expect(reached(outside, address)).toBe('recorder');
  });

  it('run twice is run once', () => {
    const rules = (): string[] =>
      ['iptables-nft', 'ip6tables-nft'].map((program) => pod.run([program, '-t', 'nat', '-S']));
    const before = rules();
    pod.run(command);
    expect(rules()).toEqual(before);
    expect(before.join('').match(/--to-ports 6432/g)).toHaveLength(4);
  });

  it('refuses where the port is led elsewhere, with exit code 1 and who must act', () => {
    const failed = run(pod, ['redirect', '--from', '5432', '--to', '7000']);
    expect(failed).toMatchObject({ status: 1 });
    expect(failed.stderr).toContain('REDIRECT_TAKEN');
    expect(failed.stderr).toContain('Another proxy of this pod has the port');
  });

  it('says what it needs where it may not', () => {
    const failed = run(pod, ['redirect', '--from', '5432', '--to', '6432'], recorderUid);
    expect(failed).toMatchObject({ status: 3 });
    expect(failed.stderr).toContain('REDIRECT_REFUSED');
    expect(failed.stderr).toContain('NET_ADMIN');
  });

  it.each([
    { what: 'it may not', to: 6432, uid: recorderUid, code: 'REDIRECT_REFUSED' },
    { what: 'the port is led elsewhere', to: 7000, uid: 0, code: 'REDIRECT_TAKEN' },
  ])('where it is optional it keeps no database from starting, though $what', ({ to, uid, code }) => {
    const line = `exec ${pgtape} redirect --from 5432 --to ${to} --optional 2>&1`;
    const said = pod.run(['sh', '-c', line], uid);
    expect(said).toContain(code);
    expect(said).toContain('its clients are not led to the recorder');
  });
});

function run(from: NetworkNamespace, args: readonly string[], uid = 0): { status: number; stderr: string } {
  try {
    from.run([pgtape, ...args], uid);
    return { status: 0, stderr: '' };
  } catch (error) {
    const { status, stderr } = error as ReturnType<typeof execFileSync> & { status: number; stderr: string };
    return { status, stderr };
  }
}
