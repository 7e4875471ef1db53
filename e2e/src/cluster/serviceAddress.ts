/**
 * One address for all replicas, as a Service gives it: each connection goes to the first of the ports that takes it. A
 * thread of its own, because tests wait for kubectl without turning their event loop, and the webhook must answer meanwhile.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

export interface ServiceAddress {
  readonly port: number;
  readonly ports: Set<number>;
  stop(): Promise<void>;
}

function dialled(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function joined(client: Socket, ports: Iterable<number>): Promise<void> {
  for (const port of ports) {
    const socket = await dialled(port).catch(() => null);
    if (socket === null) continue;
    socket.on('error', () => client.destroy());
    socket.on('close', () => client.destroy());
    client.on('close', () => socket.destroy());
    client.pipe(socket).pipe(client);
    return;
  }
  client.destroy();
}

/** Tells its port, and takes the ports it leads to. */
function serve(): void {
  let ports: readonly number[] = [];
  parentPort?.on('message', (given: readonly number[]) => {
    ports = given;
  });
  const server = createServer((client) => {
    client.on('error', () => undefined);
    void joined(client, ports);
  });
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

class ToldPorts extends Set<number> {
  readonly #told: (ports: readonly number[]) => void;

  constructor(told: (ports: readonly number[]) => void) {
    super();
    this.#told = told;
  }

  override add(port: number): this {
    super.add(port);
    this.#told([...this]);
    return this;
  }

  override delete(port: number): boolean {
    const was = super.delete(port);
    this.#told([...this]);
    return was;
  }
}

export async function startServiceAddress(): Promise<ServiceAddress> {
  const worker = new Worker(new URL(import.meta.url));
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    port,
    ports: new ToldPorts((ports) => worker.postMessage(ports)),
    async stop() {
      await worker.terminate();
    },
  };
}

if (!isMainThread && parentPort !== null) serve();
