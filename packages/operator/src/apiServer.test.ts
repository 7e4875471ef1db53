/** What the operator knows of its API server: over real HTTP, through outages, refusals and upgrades. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConnection } from '@pgtape/kube';
import { ApiServer, type ApiServerOptions } from './apiServer.ts';

const paths = {
  version: '/version',
  role: '/apis/rbac.authorization.k8s.io/v1/clusterroles/pgtape-controller',
  self: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
};
/** By path: a status, or what is answered. */
let answers: Record<string, number | object>;
let listening: Server;
let port = 0;
let asking: ApiServer | null = null;

const listen = (): Promise<void> => new Promise((resolve) => listening.listen(port, '127.0.0.1', resolve));
const close = (): Promise<unknown> => {
  listening.closeAllConnections();
  return new Promise((resolve) => listening.close(resolve));
};

async function eventually(look: () => unknown, wanted: unknown): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 10) {
    try {
      return expect(look()).toEqual(wanted);
    } catch {
      await sleep(10);
    }
  }
  expect(look()).toEqual(wanted);
}

const version = (minor: string): object => ({ major: '1', minor });
const well = {
  [paths.version]: version('36+'),
  [paths.role]: { metadata: { name: 'pgtape-controller', uid: 'uid-1' } },
  [paths.self]: { status: { userInfo: { username: 'system:serviceaccount:a:b' } } },
};
const facts = {
  minorVersion: 36,
  owner: { name: 'pgtape-controller', uid: 'uid-1' },
  username: 'system:serviceaccount:a:b',
};

beforeEach(async () => {
  answers = { ...well };
  listening = createServer((request, response) => {
    request.resume();
    const answer = answers[request.url ?? ''] ?? 404;
    response.writeHead(typeof answer === 'number' ? answer : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(typeof answer === 'number' ? { kind: 'Status', code: answer } : answer));
  });
  port = 0;
  await listen();
  port = (listening.address() as AddressInfo).port;
});

afterEach(async () => {
  await asking?.stop();
  if (listening.listening) await close();
});

function asked(more: Partial<ApiServerOptions> = {}): { server: ApiServer; changes: number[] } {
  const access = { server: new URL(`http://127.0.0.1:${port}`), credentials: async () => ({}) };
  const changes: number[] = [];
  const server: ApiServer = new ApiServer({
    connection: new KubeConnection(access),
    ownerClusterRole: 'pgtape-controller',
    isOwnerOptional: false,
    changed: () => changes.push(server.facts?.minorVersion ?? 0),
    trouble: () => undefined,
    firstWaitMs: 20,
    ...more,
  });
  asking = server;
  server.ask();
  return { server, changes };
}

describe('ApiServer', () => {
  it('waits for one that does not answer yet', async () => {
    await close();
    const { server } = asked();
    expect(server.problem).toBe('api_not_asked');
    await eventually(() => server.problem, 'api_unreachable');
    await listen();
    await eventually(() => server.facts, facts);
    expect(server.problem).toBe(null);
  });

  it('keeps what it knew while nobody answers, and learns of an upgrade after', async () => {
    const { server, changes } = asked();
    await eventually(() => server.facts, facts);
    await close();
    server.ask();
    await sleep(100);
    expect([server.facts, server.problem]).toEqual([facts, null]);
    answers[paths.version] = version('37');
    await listen();
    await eventually(() => server.facts, { ...facts, minorVersion: 37 });
    expect(changes).toEqual([36, 37]);
  });

  it('tells nobody of what is as before', async () => {
    const { server, changes } = asked();
    await eventually(() => server.facts, facts);
    server.ask();
    await sleep(100);
    expect(changes).toEqual([36]);
  });

  it('learns that the owning role was made anew', async () => {
    const { server } = asked();
    await eventually(() => server.facts, facts);
    answers[paths.role] = { metadata: { name: 'pgtape-controller', uid: 'uid-2' } };
    server.ask();
    await eventually(() => server.facts?.owner?.uid, 'uid-2');
  });

  it.each([
    { name: 'refuses', of: { [paths.version]: 403 } },
    { name: 'has no such role', of: { [paths.role]: 404 } },
    { name: 'says nothing of its version', of: { [paths.version]: {} } },
  ])('waits for one that $name', async ({ of }) => {
    answers = { ...well, ...of };
    const { server } = asked();
    await eventually(() => server.problem, 'api_refused');
    answers = { ...well };
    await eventually(() => server.facts, facts);
  });

  it.each([
    {
      name: 'a role it may not read, in restricted mode',
      of: { [paths.role]: 403 },
      wanted: { owner: null },
    },
    { name: 'a name that it is not told', of: { [paths.self]: 403 }, wanted: { username: '' } },
    { name: 'a cluster before 1.28, which cannot tell', of: { [paths.self]: 404 }, wanted: { username: '' } },
  ])('does not wait for $name', async ({ of, wanted }) => {
    answers = { ...well, ...of };
    const { server } = asked({ isOwnerOptional: true });
    await eventually(() => server.facts, { ...facts, ...wanted });
  });
});
