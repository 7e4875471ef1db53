/** Owns who somebody is by a token or a certificate, and what he may; pure. It refuses to know where either comes from. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { CallerMethod } from '@pgtape/evidence';
import type { Permission } from './httpConfig.ts';
import { HttpRefusal } from './httpRefusal.ts';
import type { KubernetesUser } from './readerTokens.ts';

export interface Caller {
  /** As in the configuration; the `who` of records. */
  readonly name: string;
  readonly method: CallerMethod;
  readonly may: ReadonlySet<Permission>;
}

/** A caller as configured. */
export interface CallerRule {
  readonly name: string;
  readonly may: ReadonlySet<Permission>;
  /** SHA-256 of each of its tokens, 32 bytes. */
  readonly tokenHashes: readonly Uint8Array[];
  /** `CN:`, `DNS:`, `URI:` or `email:` and the name. */
  readonly certificate: string | null;
  /** Name of a Kubernetes user. */
  readonly user?: string;
  /** Of Kubernetes users. */
  readonly group?: string;
}

/** @throws HttpRefusal `not_allowed` */
export function assertMay({ name, may }: Caller, permission: Permission): void {
  if (may.has(permission)) return;
  const message = `${name} may not ${permission}; whoever runs the vault grants it in http.callers`;
  throw new HttpRefusal('not_allowed', message);
}

/** The name under which `pgtape up` lets in whoever may read its token file. */
const LOCAL = 'local';

/** Compares with every hash of every caller, whatever fits: how long it takes says nothing about which was close. */
export function callerByToken(rules: readonly CallerRule[], token: string): Caller | null {
  const shown = createHash('sha256').update(token).digest();
  let found: CallerRule | null = null;
  for (const rule of rules) {
    for (const hash of rule.tokenHashes) if (timingSafeEqual(hash, shown)) found = rule;
  }
  if (found === null) return null;
  return { name: found.name, method: found.name === LOCAL ? 'local' : 'token', may: found.may };
}

/** The caller one of these names belongs to. A certificate that fits two callers is nobody's. */
export function callerByCertificate(rules: readonly CallerRule[], names: readonly string[]): Caller | null {
  const fitting = rules.filter(({ certificate }) => certificate !== null && names.includes(certificate));
  const [found] = fitting;
  if (found === undefined || fitting.length > 1) return null;
  return { name: found.name, method: 'mtls', may: found.may };
}

/** A Kubernetes user under his own name, with all that the rules which fit him allow; null: none does. */
export function callerByUser(rules: readonly CallerRule[], { name, groups }: KubernetesUser): Caller | null {
  const fitting = rules.filter(
    ({ user, group }) =>
      (user !== undefined && user === name) || (group !== undefined && groups.includes(group)),
  );
  if (fitting.length === 0) return null;
  return { name, method: 'kubernetes', may: new Set(fitting.flatMap(({ may }) => [...may])) };
}

/** What Node shows of a peer's certificate (tls.TLSSocket.getPeerCertificate). */
export interface PeerNames {
  readonly subject?: { readonly CN?: string | string[] | undefined } | undefined;
  readonly subjectaltname?: string | undefined;
}

/** Node writes names with special characters as JSON strings (CVE-2021-44532), so that none can pose as two. */
const alternative = /(DNS|URI|email|[^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y;

/** Names as the configuration writes them: `CN:alice`, `DNS:alice.example`. A subject with two CNs has none. */
export function certificateNames({ subject, subjectaltname = '' }: PeerNames): string[] {
  const names = typeof subject?.CN === 'string' ? [`CN:${subject.CN}`] : [];
  const pattern = new RegExp(alternative);
  for (let match = pattern.exec(subjectaltname); match !== null && match[0] !== ''; ) {
    const [, kind = '', text = ''] = match;
    if (kind === 'DNS' || kind === 'URI' || kind === 'email') {
      names.push(`${kind}:${text.startsWith('"') ? String(JSON.parse(text)) : text}`);
    }
    match = pattern.exec(subjectaltname);
  }
  return names;
}

const hashLine = /^([0-9a-f]{64})(?:\s|$)/i;

/** The hashes of a token hash file; null where a line is neither a hash, nor empty, nor a comment (`#`). */
export function parseTokenHashes(text: string): Uint8Array[] | null {
  const hashes: Uint8Array[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const hash = hashLine.exec(trimmed)?.[1];
    if (hash === undefined) return null;
    hashes.push(Buffer.from(hash, 'hex'));
  }
  return hashes;
}
