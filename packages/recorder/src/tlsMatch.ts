/**
 * Owns whether clients are served TLS wherever PostgreSQL would serve it, and with its own certificate: what channel binding needs. Knows
 * no sockets.
 */

/** What the server said when it was asked. */
export type ServerTls = { readonly offers: false } | { readonly offers: true; readonly leaf: Uint8Array };

export interface TlsVerdict {
  /** null: the server was not asked yet. */
  readonly matched: boolean | null;
  readonly reason: 'tls_no_certificate' | 'certificate_differs' | null;
}

/** @param served DER of the certificate served to clients; null: there is none */
export function judgeTls(served: Uint8Array | null, server: ServerTls | null): TlsVerdict {
  if (server === null) return { matched: null, reason: null };
  if (!server.offers) return { matched: true, reason: null };
  if (served === null) return { matched: false, reason: 'tls_no_certificate' };
  const isSame = Buffer.from(served).equals(server.leaf);
  return isSame ? { matched: true, reason: null } : { matched: false, reason: 'certificate_differs' };
}
