import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@pgtape/kube';
import { type ForwardPlan, forwardArguments, forwardedPort, forwardTo } from './vaultForward.ts';
import { vaultPlace } from './vaultReach.ts';

const plan = (more: Partial<ForwardPlan> = {}): ForwardPlan => ({
  namespace: 'pgtape-system',
  pod: 'pgtape-vault-0',
  port: 7417,
  kubectlFlags: ['--context', 'production'],
  env: {},
  stop: new AbortController().signal,
  ...more,
});

describe('vaultPlace', () => {
  const pod = (name: string, isReady: boolean, ports: object[] = [], more: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...more },
    spec: { containers: [{ name: 'vault', ports }] },
    status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  });

  it.each<[string, KubeObject[], { pod: string; port: number } | null]>([
    ['none', [], null],
    [
      'the port by its name',
      [pod('a', true, [{ name: 'https', containerPort: 8443 }])],
      { pod: 'a', port: 8443 },
    ],
    ['the port by default', [pod('a', true, [{ containerPort: 4317 }])], { pod: 'a', port: 7417 }],
    ['a ready one before others', [pod('a', false), pod('b', true)], { pod: 'b', port: 7417 }],
    ['one that is not ready before none', [pod('a', false)], { pod: 'a', port: 7417 }],
    ['none that is going', [pod('a', true, [], { deletionTimestamp: '2026-11-20T10:00:00Z' })], null],
  ])('%s', (_, pods, place) => {
    expect(vaultPlace(pods)).toEqual(place);
  });
});

describe('forwardedPort', () => {
  it.each([
    ['Forwarding from 127.0.0.1:40213 -> 7417\n', 40_213],
    ['Forwarding from 127.0.0.1:40213 -> 74', 40_213],
    ['Forwarding from 127.0.0.1:402', null],
    ['error: no', null],
  ])('%j: %s', (said, port) => {
    expect(forwardedPort(said)).toBe(port);
  });
});

describe('forwardTo', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-forward-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  /** A kubectl that does this. */
  const env = (script: string): { PATH: string } => {
    writeFileSync(join(dir, 'kubectl'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(dir, 'kubectl'), 0o755);
    return { PATH: `${dir}:${process.env.PATH ?? ''}` };
  };
  const failure = async (more: Partial<ForwardPlan>): Promise<unknown> =>
    await forwardTo(plan(more)).then(
      () => null,
      (error: unknown) => error,
    );

  it('names cluster, pod and port, and ends the child with the forward', async () => {
    const script = `echo "$$ $*" > ${dir}/said; echo 'Forwarding from 127.0.0.1:40213 -> 7417'; exec sleep 60`;
    const forward = await forwardTo(plan({ env: env(script) }));
    expect(forward.port).toBe(40_213);
    const [pid = '', ...args] = readFileSync(join(dir, 'said'), 'utf8').trim().split(' ');
    expect(args).toEqual(forwardArguments(plan()));
    expect(args.join(' ')).toBe(
      'port-forward --address 127.0.0.1 -n pgtape-system --context production pod/pgtape-vault-0 :7417',
    );
    await forward.close();
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  });

  it('says what kubectl complained of', async () => {
    const script = "echo 'error: pods is forbidden' >&2; exit 1";
    expect(await failure({ env: env(script) })).toMatchObject({
      code: 'PORT_FORWARD',
      message: 'no way to the vault: error: pods is forbidden',
      advice: expect.stringContaining('pods/portforward'),
    });
  });

  it('says that there is no kubectl', async () => {
    expect(await failure({ env: { PATH: dir } })).toMatchObject({ code: 'NO_KUBECTL' });
  });

  it('ends when it is told to stop', async () => {
    const stop = new AbortController();
    const failing = failure({ env: env('exec sleep 60'), stop: stop.signal });
    stop.abort('signal');
    expect(await failing).toMatchObject({ code: 'PORT_FORWARD' });
  });
});
