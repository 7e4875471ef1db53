/** Ways between a driver, the recorder and the server. */
import type { Transport } from '../transport.ts';

/** In TLS, certificates are checked, and SCRAM is bound to the channel where the driver can. */
export const transports: readonly Transport[] = [
  { name: 'plain' },
  { name: 'chunks-1', pieceBytes: 1 },
  { name: 'chunks-3', pieceBytes: 3 },
  { name: 'chunks-8192', pieceBytes: 8192 },
  { name: 'tls', tls: true },
  { name: 'tls-chunks-3', tls: true, pieceBytes: 3 },
];
