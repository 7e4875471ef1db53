/**
 * Owns how each leg speaks TLS, as PostgreSQL and libpq do: protocol name in ALPN, no renegotiation of who
 * the other side is, certificates checked as configured. Knows no session.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type SecureContext, TLSSocket } from 'node:tls';
import type { TlsFacts } from '@pgtape/evidence';

/** ALPN's name of the protocol; PostgreSQL 17 and newer demand it of clients that open with TLS. */
const protocolName = 'postgresql';
/** Longest text kept of a certificate; names are the other side's word. */
const textMax = 1024;

/** The certificate served to clients. */
export interface ServedCertificate {
  readonly context: SecureContext;
  /** DER of the certificate itself, which SCRAM's channel binding is over. */
  readonly leaf: Buffer;
  /** Clients are asked for a certificate; one that no configured authority signed is refused. */
  readonly asksClient: boolean;
}

/** How the server is reached in TLS. */
export interface UpstreamTls {
  readonly context: SecureContext;
  /** `none`: any certificate; `ca`: one of a configured authority; `full`: that, and of this name. */
  readonly verify: 'none' | 'ca' | 'full';
  readonly serverName: string;
}

/** What Node's own server asks of a server-side TLSSocket; there is no documented way but its events. */
interface Verifying {
  readonly _handle?: { verifyError?(): Error | null | undefined } | null;
}

/** Serves a connection; 'secure' says that the handshake is over. A failed one ends in 'close' alone. */
export function acceptTls(plain: Socket, served: ServedCertificate): TLSSocket {
  return new TLSSocket(plain, {
    isServer: true,
    secureContext: served.context,
    requestCert: served.asksClient,
    rejectUnauthorized: false,
    ALPNProtocols: [protocolName],
  });
}

/** Why a client may not go on after its handshake. */
export function clientProblem(
  socket: TLSSocket,
  served: ServedCertificate,
  direct: boolean,
): 'tls_without_alpn' | 'tls_client_certificate' | null {
  if (direct && socket.alpnProtocol !== protocolName) return 'tls_without_alpn';
  if (!served.asksClient || socket.getPeerX509Certificate() === undefined) return null;
  const handle = (socket as unknown as Verifying)._handle;
  return handle?.verifyError?.() ? 'tls_client_certificate' : null;
}

/** Opens TLS on a connection whose server has said S; 'secureConnect', or 'error' with the reason. */
export function connectTls(plain: Socket, upstream: UpstreamTls): TLSSocket {
  const { context, verify, serverName } = upstream;
  return connect({
    socket: plain,
    secureContext: context,
    host: serverName,
    ...(isIP(serverName) === 0 && serverName !== '' ? { servername: serverName } : {}),
    ALPNProtocols: [protocolName],
    rejectUnauthorized: verify !== 'none',
    checkServerIdentity: (name, certificate) =>
      verify === 'full' ? checkServerIdentity(name, certificate) : undefined,
  });
}

function certificateOf(certificate: X509Certificate): NonNullable<TlsFacts['certificate']> {
  const san = certificate.subjectAltName;
  return {
    subject: certificate.subject.replaceAll('\n', ', ').slice(0, textMax),
    issuer: certificate.issuer.replaceAll('\n', ', ').slice(0, textMax),
    serial: certificate.serialNumber.toLowerCase().slice(0, textMax),
    ...(san === undefined ? {} : { san: san.slice(0, textMax) }),
  };
}

/** What of a leg's TLS the record keeps. */
export function tlsFacts(socket: TLSSocket, serverName?: string): TlsFacts {
  const { servername } = socket as { servername?: string | false };
  const sni = serverName ?? (servername || undefined);
  const alpn = socket.alpnProtocol;
  const peer = socket.getPeerX509Certificate();
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    ...(sni === undefined ? {} : { server_name: sni.slice(0, textMax) }),
    ...(typeof alpn === 'string' ? { alpn } : {}),
    ...(peer === undefined ? {} : { certificate: certificateOf(peer) }),
  };
}
