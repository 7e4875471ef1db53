import { createServer } from 'node:net';
import { judgeCapture } from './captureProbe.ts';
import { listeningSockets, readListening } from './listeningSockets.ts';

const at = (text: string): { address: string; port: number } => {
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return { address, port: Number(port) };
};

const swapped = { mode: 'AddressSwap', port: 5432 } as const;
const ours = ['127.0.0.1:5432', '10.0.0.7:5432', '[::1]:5432'];

describe('judgeCapture', () => {
  it.each([
    {
      name: 'PostgreSQL on 127.0.0.2 alone',
      ...swapped,
      sockets: [...ours, '127.0.0.2:5432'],
      want: { achieved: true, reason: 'achieved', others: [] },
    },
    {
      name: 'PostgreSQL not there yet',
      ...swapped,
      sockets: ours,
      want: { achieved: true, reason: 'achieved', others: [] },
    },
    {
      name: 'somebody on another address of the pod',
      ...swapped,
      sockets: [...ours, '127.0.0.2:5432', '[fd00::7]:5432'],
      want: { achieved: false, reason: 'foreign_listener', others: ['[fd00::7]:5432'] },
    },
    {
      name: 'listen_addresses was overridden',
      ...swapped,
      listeners: [],
      inUse: ['127.0.0.1'],
      sockets: ['0.0.0.0:5432', '[::]:5432'],
      want: { achieved: false, reason: 'address_in_use', others: ['0.0.0.0:5432', '[::]:5432'] },
    },
    {
      name: 'nowhere bound',
      ...swapped,
      listeners: [],
      sockets: ['127.0.0.2:5432'],
      want: { achieved: false, reason: 'not_bound', others: [] },
    },
    {
      name: 'other ports are nobody to worry about',
      ...swapped,
      sockets: [...ours, '0.0.0.0:8008'],
      want: { achieved: true, reason: 'achieved', others: [] },
    },
    {
      name: 'no list of sockets',
      ...swapped,
      sockets: null,
      want: { achieved: null, reason: 'unknown', others: [] },
    },
    {
      name: 'Redirect: PostgreSQL keeps its port, rules of the kernel lead away from it',
      mode: 'Redirect',
      port: 5432,
      listeners: ['0.0.0.0:6432'],
      sockets: ['0.0.0.0:6432', '0.0.0.0:5432'],
      want: { achieved: true, reason: 'achieved', others: ['0.0.0.0:5432'] },
    },
    {
      name: "NamedPort: PostgreSQL's own address stays open",
      mode: 'NamedPort',
      port: 5432,
      listeners: ['0.0.0.0:6432'],
      sockets: ['0.0.0.0:6432', '0.0.0.0:5432'],
      want: { achieved: true, reason: 'pod_address_open', others: ['0.0.0.0:5432'] },
    },
    {
      name: 'Service: PostgreSQL on loopback alone',
      mode: 'Service',
      port: 5432,
      listeners: ['0.0.0.0:6432'],
      sockets: ['0.0.0.0:6432', '127.0.0.1:5432'],
      want: { achieved: true, reason: 'achieved', others: ['127.0.0.1:5432'] },
    },
  ] as const)('$name', ({ mode, port, sockets, want, ...rest }) => {
    const { listeners = ours, inUse = [] } = rest as { listeners?: string[]; inUse?: string[] };
    const sight = {
      ...{ mode, port, inUse },
      listeners: listeners.map(at),
      sockets: sockets === null ? null : [...sockets].map(at),
    };
    expect(judgeCapture(sight)).toEqual(want);
  });
});

describe('listeningSockets', () => {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

  it('reads both families, and only what listens', () => {
    const text =
      `${head}   0: 0200007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  999        0 1 1 0 100 0 0 10 0\n` +
      '   1: 0700000A:1538 0800000A:D431 01 00000000:00000000 00:00000000 00000000  999        0 2 1 0 100 0 0 10 0\n' +
      '   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000\n' +
      '   1: 000000FD000000000000000007000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000\n' +
      '   2: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000\nrubbish\n';
    expect(listeningSockets(text)).toEqual([
      { address: '127.0.0.2', port: 5432 },
      { address: '::1', port: 5432 },
      { address: 'fd00::7', port: 5432 },
      { address: '::', port: 5432 },
    ]);
  });

  it("finds a socket of this machine in the kernel's own list", async () => {
    const server = createServer().listen(0, '127.0.0.5');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const found = listeningSockets(await readListening('/proc/net/tcp'));
    await new Promise((resolve) => server.close(resolve));
    expect(found).toContainEqual({ address: '127.0.0.5', port });
  });
});
