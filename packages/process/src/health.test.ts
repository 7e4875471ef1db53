import { request } from 'node:http';
import { createServer } from 'node:net';
import { type HealthServer, type HealthVerdict, healthServer } from './health.ts';

interface Reply {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

function ask(port: number, path: string, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          type: response.headers['content-type']?.split(';', 1)[0],
          body,
        }),
      );
    });
    call.on('error', reject);
    call.end();
  });
}

describe('healthServer', () => {
  let server: HealthServer;
  let ready: () => HealthVerdict = () => ({ ok: true, reasons: [] });
  let metrics = () => Promise.resolve('pgtape_a 1\n');
  beforeAll(async () => {
    server = await healthServer({
      host: '127.0.0.1',
      port: 0,
      live: () => ({ ok: true, reasons: [] }),
      ready: () => ready(),
      metrics: () => metrics(),
      answers: { '/v1/what': (query) => (query.has('of') ? { of: query.get('of') } : null) },
    });
  });
  afterAll(() => server.close());

  const json = 'application/json';
  const refused = (reason: string) => `{"ok":false,"reasons":["${reason}"]}\n`;

  it.each([
    { name: 'alive', path: '/livez', want: { status: 200, type: json, body: '{"ok":true,"reasons":[]}\n' } },
    {
      name: 'ready, with a query',
      path: '/readyz?verbose',
      want: { status: 200, type: json, body: '{"ok":true,"reasons":[]}\n' },
    },
    { name: 'metrics', path: '/metrics', want: { status: 200, type: 'text/plain', body: 'pgtape_a 1\n' } },
    { name: 'head', path: '/metrics', method: 'HEAD', want: { status: 200, type: 'text/plain', body: '' } },
    {
      name: 'an answer',
      path: '/v1/what?of=a%20b',
      want: { status: 200, type: json, body: '{"of":"a b"}\n' },
    },
    {
      name: 'no question',
      path: '/v1/what',
      want: { status: 400, type: json, body: refused('not_understood') },
    },
    { name: 'another path', path: '/', want: { status: 404, type: json, body: refused('not_found') } },
    {
      name: 'a longer path',
      path: '/livez/x',
      want: { status: 404, type: json, body: refused('not_found') },
    },
    {
      name: 'another method',
      path: '/livez',
      method: 'POST',
      want: { status: 405, type: json, body: refused('method_not_allowed') },
    },
  ])('$name', async ({ path, method, want }) => {
    expect(await ask(server.port, path, method)).toEqual(want);
  });

  it('says why it is not ready', async () => {
    ready = () => ({ ok: false, reasons: ['spool_full', 'upstream_unreachable'] });
    const body = '{"ok":false,"reasons":["spool_full","upstream_unreachable"]}\n';
    expect(await ask(server.port, '/readyz')).toEqual({ status: 503, type: json, body });
  });

  it('shows nothing of an error', async () => {
    ready = () => {
      throw new Error('postgres://u:s3cret@h');
    };
    metrics = () => Promise.reject(new Error('s3cret'));
    const want = { status: 503, type: json, body: refused('check_failed') };
    expect(await ask(server.port, '/readyz')).toEqual(want);
    expect(await ask(server.port, '/metrics')).toEqual(want);
  });

  it('rejects when the port is taken, and frees its own', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const options = { host: '127.0.0.1', port, live: () => ({ ok: true, reasons: [] }), ready, metrics };
    await expect(healthServer(options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => taken.close(resolve));
    const first = await healthServer(options);
    await first.close();
    const second = await healthServer(options);
    await second.close();
  });
});
