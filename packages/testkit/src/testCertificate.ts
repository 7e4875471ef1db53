/**
 * Makes X.509 certificates for tests, so that none lies in the repository and none expires: a small DER
 * writer (ITU-T X.690) and the fields of RFC 5280 that OpenSSL looks at. Knows no files.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface TestCertificate {
  /** PEM; with `issuer`, its own certificate only. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  readonly serial: Buffer;
  readonly issue: Issuing;
}

interface Issuing {
  readonly name: Buffer;
  readonly key: KeyObject;
}

export interface CertificateRequest {
  /** Common name of the subject. */
  readonly name: string;
  /** Subject alternative names: host names, and addresses as dotted IPv4. */
  readonly names?: readonly string[];
  /** Absent: it signs itself and may sign others. */
  readonly issuer?: TestCertificate;
  /** Serial number, positive; absent, a random one. */
  readonly serial?: Buffer;
}

const oid = {
  commonName: Buffer.from([0x55, 4, 3]),
  ecdsaWithSha256: Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]),
  basicConstraints: Buffer.from([0x55, 0x1d, 0x13]),
  subjectAltName: Buffer.from([0x55, 0x1d, 0x11]),
} as const;
const tag = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, time: 24, sequence: 48, set: 49 };
const dnsName = 0x82;
const ipAddress = 0x87;
const version = 0xa0;
const extensions = 0xa3;
const versionThree = 2;
const dayMs = 86_400_000;

function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(type, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const short = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(type, 0x80 | short.length), short, body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(tag.sequence, ...parts);
const bits = (bytes: Buffer): Buffer => der(tag.bits, Buffer.of(0), bytes);
const algorithm = sequence(der(tag.oid, oid.ecdsaWithSha256));

function distinguishedName(commonName: string): Buffer {
  const text = der(tag.utf8, Buffer.from(commonName));
  return sequence(der(tag.set, sequence(der(tag.oid, oid.commonName), text)));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(tag.time, Buffer.from(text));
}

function alternative(name: string): Buffer {
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(name);
  return isAddress
    ? der(ipAddress, Buffer.from(name.split('.').map(Number)))
    : der(dnsName, Buffer.from(name));
}

function extensionsOf(request: CertificateRequest): Buffer {
  const isAuthority = request.issuer === undefined;
  const list: Buffer[] = [];
  if (isAuthority) {
    const constraint = der(tag.octets, sequence(der(tag.boolean, Buffer.of(0xff))));
    list.push(sequence(der(tag.oid, oid.basicConstraints), der(tag.boolean, Buffer.of(0xff)), constraint));
  }
  if (request.names !== undefined) {
    const names = der(tag.octets, sequence(...request.names.map(alternative)));
    list.push(sequence(der(tag.oid, oid.subjectAltName), names));
  }
  return list.length === 0 ? Buffer.alloc(0) : der(extensions, sequence(...list));
}

/** A certificate of today, valid for ten days, with an ECDSA key on P-256. */
export function makeCertificate(request: CertificateRequest): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = distinguishedName(request.name);
  const issue = request.issuer?.issue ?? { name, key: privateKey };
  const serial = request.serial ?? Buffer.concat([Buffer.of(1), randomBytes(15)]);
  const now = Date.now();
  const body = sequence(
    der(version, der(tag.integer, Buffer.of(versionThree))),
    der(tag.integer, serial),
    algorithm,
    issue.name,
    sequence(time(now - dayMs), time(now + 10 * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensionsOf(request),
  );
  const whole = sequence(body, algorithm, bits(sign('sha256', body, issue.key)));
  return {
    certificate: pem('CERTIFICATE', whole),
    serial,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    issue: { name, key: privateKey },
  };
}

function pem(what: string, bytes: Buffer): string {
  const base64 = bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN ${what}-----\n${base64}\n-----END ${what}-----\n`;
}

/** The authority's revocation list (RFC 5280, 5.1) in PEM, of today and good for ten days. */
export function makeRevocationList({ issue }: TestCertificate, revoked: readonly TestCertificate[]): string {
  const now = Date.now();
  const entries = revoked.map(({ serial }) => sequence(der(tag.integer, serial), time(now)));
  const body = sequence(
    der(tag.integer, Buffer.of(1)),
    algorithm,
    issue.name,
    time(now - dayMs),
    time(now + 10 * dayMs),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  return pem('X509 CRL', sequence(body, algorithm, bits(sign('sha256', body, issue.key))));
}
