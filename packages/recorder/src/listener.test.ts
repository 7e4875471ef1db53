import { connect } from 'node:net';
import { listen, listenOnAll } from './listener.ts';

/** Address the server saw the client arrive at. */
async function arriveAt(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

describe('listenOnAll', () => {
  it('takes every address this machine has, on one port, each once, and tells of the others', async () => {
    const absent: string[] = [];
    const arrived: (string | undefined)[] = [];
    const listener = await listenOnAll(
      { host: '127.0.0.1', port: 0, others: ['127.0.0.2,192.0.2.1,', '127.0.0.1', '127.0.0.2'] },
      (client) => {
        arrived.push(client.localAddress);
        client.destroy();
      },
      (message) => absent.push(message),
    );
    await arriveAt('127.0.0.1', listener.port);
    await arriveAt('127.0.0.2', listener.port);
    await new Promise((resolve) => setTimeout(resolve, 20));
    listener.close();
    expect(arrived.sort()).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(absent).toEqual([
      `cannot listen on 192.0.2.1:${listener.port}: this machine does not have that address: correct listen.host`,
    ]);
    await expect(arriveAt('127.0.0.2', listener.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('listens nowhere when one of them is taken', async () => {
    const taken = await listen('127.0.0.3', 0, () => undefined);
    const all = listenOnAll(
      { host: '127.0.0.1', port: taken.port, others: ['127.0.0.2', '127.0.0.3'] },
      () => undefined,
      () => undefined,
    );
    await expect(all).rejects.toMatchObject({ code: 'LISTEN' });
    await expect(arriveAt('127.0.0.1', taken.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    taken.close();
  });

  it('waits_for_addresses: starts without them where it is told to, and takes each when it is free', async () => {
    const taken = await listen('127.0.0.4', 0, () => undefined);
    const told: string[] = [];
    const listeners = await listenOnAll(
      { host: '127.0.0.4', port: taken.port, others: ['127.0.0.5', '192.0.2.1'], waits: true },
      (client) => client.destroy(),
      (message) => told.push(message),
    );
    expect(listeners.bound).toEqual([{ address: '127.0.0.5', port: taken.port }]);
    expect(listeners.inUse).toEqual(['127.0.0.4']);
    expect(told).toHaveLength(2);
    taken.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await listeners.retry();
    expect(listeners.bound.map(({ address }) => address)).toEqual(['127.0.0.5', '127.0.0.4']);
    expect(listeners.inUse).toEqual([]);
    await arriveAt('127.0.0.4', taken.port);
    listeners.close();
  });

  it('both_wildcards: every address of both families, where IPv4 has its own', async () => {
    const listeners = await listenOnAll(
      { host: '0.0.0.0', port: 0, others: ['::'] },
      (client) => client.destroy(),
      () => undefined,
    );
    expect(listeners.bound.map(({ address }) => address)).toEqual(['0.0.0.0', '::']);
    await arriveAt('127.0.0.1', listeners.port);
    await arriveAt('::1', listeners.port);
    listeners.close();
  });
});
