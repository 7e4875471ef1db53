import { PodFacts } from './podFacts.ts';
import { portProbes, socketProbes } from './socketProbes.ts';

const pod = (command: readonly string[] | undefined, more: object = {}, probe = 'readinessProbe'): PodFacts =>
  PodFacts.parse({
    metadata: {},
    spec: {
      containers: [
        { name: 'postgres', ...(command === undefined ? {} : { [probe]: { exec: { command } } }), ...more },
      ],
    },
  });

describe('socketProbes', () => {
  it.each<[string, PodFacts]>([
    ['pg_isready alone', pod(['pg_isready'])],
    ['with a user', pod(['pg_isready', '-U', 'postgres', '-d', 'shop'], {}, 'livenessProbe')],
    ['in a shell', pod(['/bin/sh', '-c', 'exec pg_isready -U "postgres" -p 5432'], {}, 'startupProbe')],
    ['by its path', pod(['/usr/lib/postgresql/17/bin/pg_isready', '-q'])],
    ['psql', pod(['sh', '-c', "psql -U postgres -c 'select 1'"])],
    ['a socket by name', pod(['pg_isready', '-h', '/var/run/postgresql'])],
    ['a socket by variable', pod(['pg_isready'], { env: [{ name: 'PGHOST', value: '/run' }] })],
  ])('%s: a session past the recorder', (_, of) => {
    expect(socketProbes(of)).toEqual(['postgres']);
  });

  it.each<[string, PodFacts]>([
    ['none', pod(undefined)],
    ['over HTTP', pod(undefined, { readinessProbe: { httpGet: { port: 8000 } } })],
    ['over TCP', pod(undefined, { readinessProbe: { tcpSocket: { port: 5432 } } })],
    ['pg_isready by an address', pod(['pg_isready', '-U', 'postgres', '-h', '127.0.0.1'])],
    ['the address right behind', pod(['pg_isready', '-h127.0.0.1'])],
    ['the long name', pod(['pg_isready', '--host=127.0.0.1'])],
    ['in a shell (Bitnami)', pod(['/bin/sh', '-c', 'exec pg_isready -U "postgres" -h 127.0.0.1 -p 5432'])],
    ['a connection string', pod(['pg_isready', '-d', 'host=127.0.0.1 user=postgres'])],
    ['a URI', pod(['psql', 'postgresql://postgres@127.0.0.1/postgres', '-c', 'select 1'])],
    ['by variable', pod(['pg_isready'], { env: [{ name: 'PGHOST', value: '127.0.0.1' }] })],
    ['a file', pod(['test', '-f', '/tmp/pg_isready.txt'])],
  ])('%s: nothing', (_, of) => {
    expect(socketProbes(of)).toEqual([]);
  });
});

/** Where the recorder leaves PostgreSQL its port, an address alone leads past it. */
describe('portProbes', () => {
  it.each<[string, PodFacts]>([
    ['by the socket', pod(['pg_isready'])],
    ['by the socket with the recorder’s number', pod(['pg_isready', '-p', '6432'])],
    ['by loopback', pod(['pg_isready', '-U', 'postgres', '-h', '127.0.0.1'])],
    ['by PostgreSQL’s port', pod(['/bin/sh', '-c', 'exec pg_isready -h 127.0.0.1 -p 5432'])],
    ['a longer number', pod(['pg_isready', '-h', '127.0.0.1', '-p', '64321'])],
    ['by variable', pod(['pg_isready'], { env: [{ name: 'PGHOST', value: '127.0.0.1' }] })],
  ])('%s: a session past the recorder', (_, of) => {
    expect(portProbes(of)).toEqual(['postgres']);
  });

  it.each<[string, PodFacts]>([
    ['none', pod(undefined)],
    ['by the recorder’s port', pod(['pg_isready', '-h', '127.0.0.1', '-p', '6432'])],
    ['right behind', pod(['pg_isready', '-h127.0.0.1', '-p6432'])],
    ['the long name', pod(['pg_isready', '--host=127.0.0.1', '--port=6432'])],
    ['a connection string', pod(['psql', '-d', 'host=127.0.0.1 port=6432 user=postgres'])],
    ['a URI', pod(['psql', 'postgresql://postgres@127.0.0.1:6432/postgres', '-c', 'select 1'])],
    [
      'by variables',
      pod(['pg_isready'], {
        env: [
          { name: 'PGHOST', value: '127.0.0.1' },
          { name: 'PGPORT', value: '6432' },
        ],
      }),
    ],
  ])('%s: nothing', (_, of) => {
    expect(portProbes(of)).toEqual([]);
  });
});
