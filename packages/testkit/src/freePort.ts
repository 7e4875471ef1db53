/** TCP ports for servers that must be told theirs before they listen. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below what Linux (from 32768) and macOS (from 49152) give to whoever asks for any port, connections among them. */
const ownPorts = { from: 12_000, to: 28_000 };
const given = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that was free a moment ago, and that no one is likely to take before it is listened on: the
 * system gives it to nobody, and this process only once.
 * @throws Error when a thousand were tried in vain
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const port = randomInt(ownPorts.from, ownPorts.to);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${ownPorts.from} to ${ownPorts.to}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
