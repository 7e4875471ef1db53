/** `pgtape vault --archive NAME` as a process, against a real API server that comes and goes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeObjects } from '@pgtape/kube';
import { exportTracePath, GrpcClient } from '@pgtape/otlp';
import { freePort } from '@pgtape/testkit';
import { TestReel } from '@pgtape/vault/testing';
import { pgtapeMain } from '../pgtapeCommand.ts';
import { metricsAt, until, verify } from '../probes.ts';
import { makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { type FaultyHop, startFaultyHop } from './faultyHop.ts';
import { kubectlAt } from './kubectl.ts';
import { makeVaultAccount, vaultKubeconfig } from './vaultCluster.ts';

const root = join(import.meta.dirname, '../../..');
const publicUrl = 'https://pgtape-vault.pgtape-system.svc:4317';

let plane: ControlPlane;
let hop: FaultyHop;
let dir: string;
let kubeconfig: string;
const children: ChildProcess[] = [];

interface RunningVault {
  readonly child: ChildProcess;
  readonly http: string;
  readonly otlp: string;
  readonly log: () => string;
}

async function start(
  archive: string,
  kubeconfigFile: string,
  stateDir = 'state',
  keyFile?: string,
): Promise<RunningVault> {
  const [otlp, http] = [await freePort(), await freePort()];
  const config = join(dir, `vault-${http}.yaml`);
  const settings = {
    stateDir: join(dir, stateDir),
    otlp: { port: otlp, publicUrl },
    http: { port: http },
    kubernetes: { kubeconfig: kubeconfigFile, volumesDir: join(dir, 'volumes') },
    tlog: { checkpointSeconds: 7, ...(keyFile !== undefined && { keyFile }) },
  };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn(process.execPath, [pgtapeMain, 'vault', '--config', config, '--archive', archive], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, http: `http://127.0.0.1:${http}`, otlp: `http://127.0.0.1:${otlp}`, log: () => text };
}

async function stop({ child }: RunningVault): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return await ended;
}

/** `ready`, the reasons why not, or `silent`. */
async function readiness({ http }: RunningVault): Promise<string> {
  try {
    const { ok, reasons } = (await (await fetch(`${http}/readyz`)).json()) as {
      ok: boolean;
      reasons: string[];
    };
    return ok ? 'ready' : reasons.join();
  } catch {
    return 'silent';
  }
}

async function becomes(vault: RunningVault, wanted: string): Promise<void> {
  await until(`the vault is ${wanted}`, 30_000, async () => (await readiness(vault)) === wanted).catch(
    async (error: Error) => {
      throw new Error(`${error.message}; it is ${await readiness(vault)}\n${vault.log()}`);
    },
  );
}

async function send({ otlp }: RunningVault, request: Uint8Array): Promise<string> {
  const client = new GrpcClient({ url: otlp });
  const { code, message } = await client.unary(exportTracePath, request, {
    encoding: 'identity',
    timeoutMs: 10_000,
  });
  await client.close();
  return code === 0 ? 'ok' : message;
}

async function logSizeOf({ http }: RunningVault): Promise<number> {
  return (await metricsAt(Number(new URL(http).port))).pgtape_vault_log_size ?? 0;
}

interface Status {
  readonly observedGeneration?: number;
  readonly endpoint?: string;
  readonly logSize?: number;
  readonly recorders?: number;
  readonly conditions?: readonly { type: string; status: string; reason: string }[];
}

function statusOf(name: string): Status & { readonly says: Record<string, string> } {
  const { out } = kubectlAt(plane, ['get', 'recarchive', name, '-o', 'jsonpath={.status}']);
  const status = JSON.parse(out === '' ? '{}' : out) as Status;
  const says = (status.conditions ?? []).map(({ type, status: is, reason }) => [type, `${is} ${reason}`]);
  return { ...status, says: Object.fromEntries(says) };
}

function apply(name: string, days = 30, claimName = `tapes-${name}`): void {
  const object = {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordingArchive',
    metadata: { name },
    spec: {
      volume: { claimName },
      lock: 'None',
      retention: { days },
      log: { checkpointSeconds: 1 },
    },
  };
  mkdirSync(join(dir, 'volumes', `tapes-${name}`), { recursive: true });
  const ran = kubectlAt(plane, ['apply', '--server-side', '-f', '-'], JSON.stringify(object));
  if (ran.status !== 0) throw new Error(ran.err);
}

beforeAll(async () => {
  plane = await startControlPlane();
  hop = await startFaultyHop(plane);
  dir = mkdtempSync(join(tmpdir(), 'pgtape-archive-vault-'));
  const objects = new KubeObjects(plane.connection);
  await makeNamespace(objects, 'pgtape-system');
  await makeVaultAccount(objects);
  kubeconfig = await vaultKubeconfig(plane, plane.server, dir);
  expect(kubectlAt(plane, ['apply', '--server-side', '-f', join(root, 'crds')]).status).toBe(0);
  const crd = 'crd/recordingarchives.pgtape.dev';
  expect(kubectlAt(plane, ['wait', '--for=condition=Established', '--timeout=30s', crd]).status).toBe(0);
}, 120_000);

afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

afterAll(async () => {
  await hop?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('a vault over a RecordingArchive', () => {
  it('waits for it, serves it, says so in its status, takes changes over, and ends when told', async () => {
    const vault = await start('audit', kubeconfig);
    await becomes(vault, 'archive_not_found');
    apply('audit');
    await becomes(vault, 'ready');
    const reel = new TestReel();
    expect(await send(vault, reel.next([...reel.opening(), reel.statement('SELECT 1')]).request)).toBe('ok');
    await until('its status says it serves', 25_000, async () => (statusOf('audit').logSize ?? 0) > 2);
    expect(statusOf('audit')).toMatchObject({
      observedGeneration: 1,
      endpoint: publicUrl,
      recorders: 1,
      says: { Ready: 'True Serving', Locked: 'False NotLocked', LogSigned: 'True Signed' },
    });
    apply('audit', 60);
    await until('the change is taken over', 20_000, async () => statusOf('audit').observedGeneration === 2);
    await becomes(vault, 'ready');
    expect(vault.child.exitCode).toBeNull();
    expect(await send(vault, reel.next([reel.statement('SELECT 2'), ...reel.closing()]).request)).toBe('ok');
    // The description goes; the evidence that comes still belongs there.
    const other = new TestReel();
    expect(kubectlAt(plane, ['delete', 'recarchive', 'audit']).status).toBe(0);
    expect(await send(vault, other.next([...other.opening(), ...other.closing()]).request)).toBe('ok');
    expect([await readiness(vault), await stop(vault)]).toEqual(['ready', 0]);
    const { whole, reels, vaults } = verify(join(dir, 'volumes/tapes-audit'));
    expect({ whole, reels: reels.length, vaults: vaults.map(({ verdict }) => verdict) }).toEqual({
      whole: 'complete',
      reels: 2,
      vaults: ['complete', 'complete'],
    });
  }, 120_000);

  it('starts from the archive as it was last while the API server is away, and follows it again', async () => {
    apply('away');
    const throughHop = await vaultKubeconfig(plane, hop.url, dir);
    const first = await start('away', throughHop, 'state-away');
    await becomes(first, 'ready');
    await stop(first);
    const port = Number(hop.url.port);
    await hop.stop();
    const second = await start('away', throughHop, 'state-away');
    await becomes(second, 'ready');
    expect(second.log()).toContain('the API server is away');
    const reel = new TestReel();
    expect(await send(second, reel.next(reel.opening()).request)).toBe('ok');
    apply('away', 90);
    hop = await startFaultyHop(plane, port);
    await until('what changed meanwhile is taken over', 40_000, async () => {
      const { observedGeneration, says } = statusOf('away');
      return observedGeneration === 2 && says.Ready === 'True Serving';
    });
    await becomes(second, 'ready');
    expect(await send(second, reel.next(reel.closing()).request)).toBe('ok');
    expect(await stop(second)).toBe(0);
  }, 120_000);

  it('is fenced by a second one on the same archive, says so, and is not ready', async () => {
    apply('shared');
    const keyFile = join(dir, 'shared-log.key');
    const first = await start('shared', kubeconfig, 'state-first', keyFile);
    await becomes(first, 'ready');
    const reel = new TestReel();
    expect(await send(first, reel.next(reel.opening()).request)).toBe('ok');
    await until('its log is published', 15_000, async () => (statusOf('shared').logSize ?? 0) > 2);
    // The volume of the first is on a node that nobody reaches any more.
    const second = await start('shared', kubeconfig, 'state-second', keyFile);
    await becomes(second, 'ready');
    const before = await logSizeOf(first);
    await until('the second has the log', 10_000, async () => (await logSizeOf(second)) > before);
    const other = new TestReel();
    expect(await send(second, other.next(other.opening()).request)).toBe('ok');
    // The first finds out when it wants to publish what came since.
    const late = reel.next(reel.closing()).request;
    const answer = await send(first, late);
    await becomes(first, 'log_fenced');
    const [live, after] = [await fetch(`${first.http}/livez`), await send(first, late)];
    expect({ live: live.status, after, said: first.log().includes('another writer has the log') }).toEqual({
      live: 503,
      after: expect.stringMatching(/^log_fenced/),
      said: true,
    });
    await until('status is that of the one that serves', 40_000, async () => {
      const { says } = statusOf('shared');
      return says.Ready === 'True Serving' && says.LogSigned === 'True Signed';
    });
    expect(await readiness(second)).toBe('ready');
    // Whether the first acknowledged it or not, the recorder's segment is taken, and in the log.
    expect(['ok', expect.stringMatching(/^log_fenced/)]).toContainEqual(answer);
    expect(await send(second, late)).toBe('ok');
    expect(await send(second, other.next(other.closing()).request)).toBe('ok');
    expect(await stop(second)).toBe(0);
    await stop(first);
    const { whole, reels } = verify(join(dir, 'volumes/tapes-shared'));
    expect([whole, reels.map(({ verdict }) => verdict)]).toEqual(['crashed', ['complete', 'complete']]);
  }, 120_000);

  it('says in status why it cannot serve an archive, and tries again', async () => {
    const vault = await start('nowhere', kubeconfig, 'state-nowhere');
    writeFileSync(join(dir, 'volumes/vault.yaml'), 'a file is no directory');
    apply('nowhere', 30, 'vault.yaml');
    await becomes(vault, 'archive_unusable');
    await until('status says so', 15_000, async () =>
      /^False Archive/.test(statusOf('nowhere').says.Ready ?? ''),
    );
    rmSync(join(dir, 'volumes/vault.yaml'));
    await becomes(vault, 'ready');
    expect(await stop(vault)).toBe(0);
  }, 120_000);
});
