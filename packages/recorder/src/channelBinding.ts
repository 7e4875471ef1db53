/**
 * Owns what the two legs' TLS means for SCRAM's channel binding (research: protocol 3.1): with the server's
 * own certificate it holds from end to end; every other combination either works without it or has to be
 * turned away, for the mechanism list is the server's word. Knows no sockets.
 */
import type { RefusalReason } from './refusal.ts';

/** `same`, `other`: both legs speak TLS, and the recorder serves the server's certificate, or another one. */
export type Binding = 'same' | 'other' | 'client_only' | 'server_only' | 'neither';

export interface BoundLegs {
  /** DER of the certificate served to the client; null: its leg is plaintext. */
  readonly served: Uint8Array | null;
  /** DER of the server's; null: its leg is plaintext. */
  readonly server: Uint8Array | null;
}

export function isServerTls(binding: Binding): boolean {
  return binding !== 'neither' && binding !== 'client_only';
}

/** libpq says of its own accord that it required channel binding, but not what could be done about it. */
export function tellOfBinding(
  binding: Binding,
  log: { tellOnce(event: string, detail: string): void },
): void {
  if (binding !== 'client_only') return;
  const detail =
    'a client left when it was offered authentication without channel binding, because the database is reached without ' +
    'TLS: if it needs channel binding, set upstream.tls.mode to "require" or better and give the database a certificate';
  log.tellOnce('channel_binding_unavailable', detail);
}

const plus = '-PLUS';

export function bindingOf({ served, server }: BoundLegs): Binding {
  if (served === null) return server === null ? 'neither' : 'server_only';
  if (server === null) return 'client_only';
  return Buffer.from(served).equals(server) ? 'same' : 'other';
}

/** What becomes of the mechanisms the server offers: as they are, without -PLUS, or the client is refused. */
export function judgeOffer(
  binding: Binding,
  offered: readonly string[],
  mayDrop: boolean,
): { readonly offer: readonly string[] } | { readonly refusal: RefusalReason } {
  if (binding !== 'server_only' || !offered.some((name) => name.endsWith(plus))) return { offer: offered };
  // libpq takes such an offer on a plaintext connection for an attack.
  const rest = offered.filter((name) => !name.endsWith(plus));
  return mayDrop && rest.length > 0 ? { offer: rest } : { refusal: 'channel_binding_plaintext' };
}

/** The server will find that the client has seen another certificate than its own. */
export function judgeChoice(binding: Binding, chosen: string): RefusalReason | null {
  return binding === 'other' && chosen.endsWith(plus) ? 'channel_binding_certificate' : null;
}
