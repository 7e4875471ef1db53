/**
 * Owns the certificates of webhook and vault: an authority of the operator's own for each and what it signs, and when
 * either is replaced. The
 * old authority stays in the bundle until nothing it signed is served any more, so that no request meets a certificate
 * that its caller does not know. Node has no X.509 of its own to write with.
 */
// @peculiar/x509's own dependencies ask for it to be loaded first.
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509Certificate as SignedCertificate,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 3600 * 1000;

export interface CertificateTimes {
  readonly authorityDays: number;
  readonly servingDays: number;
}

/** Both are replaced after two thirds of their time. */
const ordinaryTimes: CertificateTimes = { authorityDays: 365, servingDays: 30 };
/** A caller whose clock is behind. */
const backdatedMs = 3600 * 1000;

/** Before its end, what is served is replaced whoever knows the new authority: longer than from one look to the next. */
const neverLaterMs = 10 * 60_000;

/** PEM throughout, as it lies in the Secret. */
export interface CertificateMaterial {
  /** Newest first; the first signs. */
  readonly authorities: readonly string[];
  /** Of the first. */
  readonly authorityKey: string;
  readonly cert: string;
  readonly key: string;
}

async function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function serial(): string {
  // Positive and short enough for RFC 5280 4.1.2.2.
  return `0${randomBytes(15).toString('hex')}`.slice(0, 32);
}

interface Made {
  readonly cert: string;
  readonly key: string;
}

/** RFC 5280: an authority that signs nothing but leaves. */
async function newAuthority(name: string, nowMs: number, times: CertificateTimes): Promise<Made> {
  const keys = await keyPair();
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + times.authorityDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

async function signingKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function newServing(
  authority: Made,
  names: readonly string[],
  nowMs: number,
  times: CertificateTimes,
): Promise<Made> {
  const keys = await keyPair();
  const issuer = new SignedCertificate(authority.cert);
  // Never longer than who vouches for it.
  const notAfter = Math.min(nowMs + times.servingDays * dayMs, issuer.notAfter.getTime());
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${names[0] ?? 'pgtape'}`,
    issuer: issuer.subject,
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(notAfter),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
      await AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** Whether two thirds of a certificate's time are over; true also for what is none. */
function isDue(pem: string, nowMs: number): boolean {
  try {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
    return nowMs >= from + ((to - from) * 2) / 3;
  } catch {
    return true;
  }
}

function isOver(pem: string, nowMs: number): boolean {
  try {
    return nowMs >= new X509Certificate(pem).validToDate.getTime();
  } catch {
    return true;
  }
}

/** Whether the newest authority has the key that lies beside it. */
function canSign({ authorities, authorityKey }: CertificateMaterial, nowMs: number): boolean {
  const [newest] = authorities;
  if (newest === undefined || isOver(newest, nowMs)) return false;
  try {
    return new X509Certificate(newest).checkPrivateKey(createPrivateKey(authorityKey));
  } catch {
    return false;
  }
}

/** Whether what is served has its key, is signed by one of the authorities, and names what it must. */
function canServe({ authorities, cert, key }: CertificateMaterial, names: readonly string[]): boolean {
  try {
    const certificate = new X509Certificate(cert);
    const isNamed = names.every((name) =>
      isAddress(name) ? certificate.checkIP(name) !== undefined : certificate.checkHost(name) !== undefined,
    );
    const isSigned = authorities.some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
    return isNamed && isSigned && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function isAddress(name: string): boolean {
  return /^[\d.]+$|:/.test(name);
}

export interface RotationPlan {
  /** Name of a new authority. */
  readonly authority: string;
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly times?: CertificateTimes;
  /**
   * Whether who connects is known to have the bundle with the newest authority: only then may what it signed be served.
   */
  readonly isBundlePublished: boolean;
}

/**
 * What should lie in the Secret now; the same object when nothing is due. `null`: nothing lies there yet.
 */
export async function renewed(
  material: CertificateMaterial | null,
  plan: RotationPlan,
): Promise<CertificateMaterial> {
  const { authority: name, names, nowMs, isBundlePublished, times = ordinaryTimes } = plan;
  const old = (material?.authorities ?? []).filter((pem) => !isOver(pem, nowMs));
  if (material === null || !canSign(material, nowMs)) {
    const authority = await newAuthority(name, nowMs, times);
    const serving = await newServing(authority, names, nowMs, times);
    return { authorities: [authority.cert, ...old], authorityKey: authority.key, ...serving };
  }
  const newest = material.authorities[0] as string;
  if (isDue(newest, nowMs)) {
    const authority = await newAuthority(name, nowMs, times);
    // What is served stays the old authority's until those who connect know the new one.
    return { ...material, authorities: [authority.cert, ...old], authorityKey: authority.key };
  }
  const isBroken = !canServe(material, names);
  const isOfOld =
    !isBroken && !new X509Certificate(material.cert).verify(new X509Certificate(newest).publicKey);
  // The old authority's key is gone: until the new one is known, what is served stays, but not beyond its end.
  const mayReplace = !isOfOld || isBundlePublished || isOver(material.cert, nowMs + neverLaterMs);
  if (isBroken || ((isOfOld || isDue(material.cert, nowMs)) && mayReplace)) {
    const signer = { cert: newest, key: material.authorityKey };
    return { ...material, authorities: old, ...(await newServing(signer, names, nowMs, times)) };
  }
  return old.length === material.authorities.length ? material : { ...material, authorities: old };
}

/** For those who connect. */
export function bundleOf({ authorities }: CertificateMaterial): string {
  return authorities.join('');
}

/** Milliseconds since the newest authority was made; NaN for what is none. */
export function authorityAgeMs({ authorities }: CertificateMaterial, nowMs: number): number {
  try {
    return nowMs - (new X509Certificate(authorities[0] ?? '').validFromDate.getTime() + backdatedMs);
  } catch {
    return Number.NaN;
  }
}

/** Seconds until the serving certificate ends; NaN for what is none. */
export function secondsLeft({ cert }: CertificateMaterial, nowMs: number): number {
  try {
    return Math.floor((new X509Certificate(cert).validToDate.getTime() - nowMs) / 1000);
  } catch {
    return Number.NaN;
  }
}
