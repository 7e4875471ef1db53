/** Ways between a driver, the recorder and the server: each a pair of addresses. */
import { startChunkedHop } from '@pgtape/testkit';

export interface Transport {
  readonly name: string;
  /** Largest piece on both legs; absent: as the peers write. */
  readonly chunkBytes?: number;
  /** TLS on both legs, certificates checked, SCRAM bound to the channel where the driver can. */
  readonly tls?: true;
}

export const transports: readonly Transport[] = [
  { name: 'plain' },
  { name: 'chunks-1', chunkBytes: 1 },
  { name: 'chunks-3', chunkBytes: 3 },
  { name: 'chunks-8192', chunkBytes: 8192 },
  { name: 'tls', tls: true },
  { name: 'tls-chunks-3', tls: true, chunkBytes: 3 },
];

export interface Leg {
  /** Where the leg begins. */
  readonly port: number;
  stop(): Promise<void>;
}

/** One leg to a port on 127.0.0.1, over a hop where the transport asks for one. */
export async function startLeg(transport: Transport, port: number): Promise<Leg> {
  const { chunkBytes } = transport;
  if (chunkBytes === undefined) return { port, stop: async () => {} };
  return startChunkedHop({ target: { host: '127.0.0.1', port }, chunkBytes });
}
