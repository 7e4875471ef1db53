/** Owns asking the server whether it speaks TLS, and with which certificate, over a connection that ends before anybody logs in. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { sslRequest } from './sessionStartup.ts';
import type { ServerTls } from './tlsMatch.ts';
import { socketPath, type UpstreamAddress } from './upstream.ts';

const timeoutMs = 5000;
const accepted = 'S'.charCodeAt(0);

/** @throws Error when the server cannot be reached or does not answer as PostgreSQL does */
export async function askUpstreamTls(upstream: UpstreamAddress): Promise<ServerTls> {
  // PostgreSQL speaks no TLS over a unix socket.
  if (socketPath(upstream) !== null) return { offers: false };
  const { host, port, localAddress } = upstream;
  const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
  const late = setTimeout(() => socket.destroy(new Error('timed out')), timeoutMs);
  try {
    await once(socket, 'connect');
    socket.write(sslRequest);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer[0] !== accepted) return { offers: false };
    return { offers: true, leaf: await leafOf(socket) };
  } finally {
    clearTimeout(late);
    socket.on('error', () => {});
    socket.destroy();
  }
}

/** Whose it is, is checked where clients are served; here it is only compared. */
async function leafOf(socket: Socket): Promise<Uint8Array> {
  const secured = connectTls({
    socket,
    secureContext: createSecureContext(),
    rejectUnauthorized: false,
    ALPNProtocols: ['postgresql'],
  });
  try {
    await once(secured, 'secureConnect');
    const leaf = secured.getPeerX509Certificate()?.raw;
    if (leaf === undefined) throw new Error('the server showed no certificate');
    return leaf;
  } finally {
    secured.on('error', () => {});
    secured.end();
  }
}
