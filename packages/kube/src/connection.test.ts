import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type KubeAccess, KubeConnection } from './connection.ts';
import { KubeError } from './kubeError.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answer: Answer;
const credentialsAsked: boolean[] = [];
let connections: KubeConnection[] = [];
/** Long enough that no busy machine takes so long; what is to run out of time is given less. */
const patientMs = 30_000;
const soonMs = 200;
const limits = { requestMs: patientMs, answerBytesMax: 1000, lineBytesMax: 100 };

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
afterEach(() => {
  for (const connection of connections) connection.close();
  connections = [];
  credentialsAsked.length = 0;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function connect(path = '', requestMs = patientMs): KubeConnection {
  const access: KubeAccess = {
    server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`),
    credentials: async (anew) => {
      credentialsAsked.push(anew);
      return { authorization: anew ? 'Bearer new' : 'Bearer old' };
    },
  };
  const connection = new KubeConnection(access, { ...limits, requestMs });
  connections.push(connection);
  return connection;
}

const json = (response: ServerResponse, status: number, body: unknown, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};
const get = { method: 'GET', path: '/api/v1/pods' } as const;
const codeOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (failure: unknown) => failure,
  );
  return error instanceof KubeError ? error.code : error;
};
const collected = async (lines: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
};

describe('KubeConnection.answer', () => {
  it.each([
    ['Fri, 20 Nov 2026 10:00:00 GMT', Date.UTC(2026, 10, 20, 10)],
    ['whenever', null],
  ])("gives the server's clock: %s", async (date, ms) => {
    answer = (_, response) => json(response, 200, { a: 1 }, { date });
    expect(await connect().answer(get)).toEqual({ body: { a: 1 }, date: ms });
  });
});

describe('KubeConnection.request', () => {
  it('sends method, path behind the server’s own, query, body and credentials, and gives the JSON', async () => {
    let seen: unknown;
    answer = (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const { method, url, headers } = request;
        seen = { method, url, body, type: headers['content-type'], authorization: headers.authorization };
        json(response, 201, { made: 'ä' });
      });
    };
    const made = await connect('/k8s/cluster/').request({
      method: 'PATCH',
      path: '/api/v1/x',
      query: { fieldManager: 'a b', force: 'true' },
      body: { ä: 1 },
      contentType: 'application/apply-patch+yaml',
    });
    expect({ made, seen }).toEqual({
      made: { made: 'ä' },
      seen: {
        method: 'PATCH',
        url: '/k8s/cluster/api/v1/x?fieldManager=a+b&force=true',
        body: '{"ä":1}',
        type: 'application/apply-patch+yaml',
        authorization: 'Bearer old',
      },
    });
  });

  it('asks for credentials anew after a 401, once', async () => {
    const tokens: (string | undefined)[] = [];
    answer = (request, response) => {
      tokens.push(request.headers.authorization);
      json(response, request.headers.authorization === 'Bearer new' ? 200 : 401, { kind: 'Status' });
    };
    const connection = connect();
    await connection.request(get);
    expect({ tokens, credentialsAsked }).toEqual({
      tokens: ['Bearer old', 'Bearer new'],
      credentialsAsked: [false, true],
    });
    answer = (_, response) => json(response, 401, {});
    expect(await codeOf(connection.request(get))).toBe('KUBE_UNAUTHORIZED');
  });

  it.each<{ name: string; fault: Answer; code: string }>([
    { name: '404', fault: (_, response) => json(response, 404, {}), code: 'KUBE_NOT_FOUND' },
    { name: 'a proxy’s page', fault: (_, response) => response.end('<html>'), code: 'KUBE_ANSWER' },
    { name: 'a redirect', fault: (_, response) => json(response, 302, {}), code: 'KUBE_ANSWER' },
    {
      name: 'a long answer',
      fault: (_, response) => json(response, 200, 'x'.repeat(1000)),
      code: 'KUBE_ANSWER',
    },
    { name: 'a reset', fault: (request) => request.socket.destroy(), code: 'KUBE_UNREACHABLE' },
    { name: 'silence', fault: () => undefined, code: 'KUBE_TIMEOUT' },
    {
      name: 'a body that stops',
      fault: (_, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{');
      },
      code: 'KUBE_TIMEOUT',
    },
    {
      name: 'a body that breaks',
      fault: (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{');
        setImmediate(() => request.socket.destroy());
      },
      code: 'KUBE_UNREACHABLE',
    },
  ])('$name is $code', async ({ fault, code }) => {
    answer = fault;
    const requestMs = code === 'KUBE_TIMEOUT' ? soonMs : patientMs;
    expect(await codeOf(connect('', requestMs).request(get))).toBe(code);
  });

  it('ends with the caller’s own reason when he aborts', async () => {
    answer = () => undefined;
    const reason = new Error('enough');
    const abort = new AbortController();
    const asked = connect().request({ ...get, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await expect(asked).rejects.toBe(reason);
  });

  it('keeps one connection for requests one after another', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      json(response, 200, {});
    };
    const connection = connect();
    for (let n = 0; n < 5; n += 1) await connection.request(get);
    expect(ports.size).toBe(1);
  });
});

describe('KubeConnection.lines', () => {
  it('gives the same lines however the stream is split', async () => {
    const text = Buffer.from('{"a":"ä€"}\n\n{"b":2}\nrest');
    for (let cut = 1; cut < text.length; cut += 1) {
      answer = (_, response) => {
        response.write(text.subarray(0, cut));
        setImmediate(() => response.end(text.subarray(cut)));
      };
      expect(await collected(connect().lines(get, patientMs))).toEqual(['{"a":"ä€"}', '', '{"b":2}']);
    }
  });

  it.each<{ name: string; fault: Answer; code: string }>([
    { name: 'an error status', fault: (_, response) => json(response, 410, {}), code: 'KUBE_GONE' },
    { name: 'no head', fault: () => undefined, code: 'KUBE_TIMEOUT' },
    { name: 'silence', fault: (_, response) => response.write('a\n'), code: 'KUBE_TIMEOUT' },
    {
      name: 'a reset',
      fault: (request, response) => {
        response.write('a\n');
        setTimeout(() => request.socket.destroy(), 20);
      },
      code: 'KUBE_UNREACHABLE',
    },
    {
      name: 'a line without end',
      fault: (_, response) => response.write('x'.repeat(200)),
      code: 'KUBE_ANSWER',
    },
  ])('$name rejects with $code', async ({ fault, code }) => {
    answer = fault;
    const ms = code === 'KUBE_TIMEOUT' ? soonMs : patientMs;
    expect(await codeOf(collected(connect('', ms).lines(get, ms)))).toBe(code);
  });

  it('stays open past the request’s own limit as long as lines come', async () => {
    answer = (_, response) => {
      let sent = 0;
      const timer = setInterval(() => {
        response.write(`${sent++}\n`);
        if (sent === 6) {
          clearInterval(timer);
          response.end();
        }
      }, 250);
    };
    expect(await collected(connect('', 1200).lines(get, 1200))).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('closes the request when the reader stops', async () => {
    const closed = new Promise<void>((done) => {
      answer = (request, response) => {
        request.socket.once('close', () => done());
        response.write('a\nb\n');
      };
    });
    for await (const line of connect().lines(get, patientMs)) {
      expect(line).toBe('a');
      break;
    }
    await closed;
  });
});
