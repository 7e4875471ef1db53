/**
 * Trust policies (C2SP tlog-policy): which logs, which witnesses, how many of them. Reads and writes the file;
 * `policyCheck.ts` applies it.
 */
import { malformed, type Parsed, parsed } from './parsed.ts';
import { formatVkey, parseVkey, type VerifierKey } from './vkey.ts';

export interface PolicyLog {
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface PolicyWitness {
  /** Has no meaning outside of the policy; octets as code units 0..255, as every name and URL here. */
  readonly name: string;
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface PolicyGroup {
  readonly name: string;
  /** Members that must have witnessed, 1 to all of them. */
  readonly threshold: number;
  /** Witnesses and groups that stand before it. */
  readonly members: readonly string[];
}

export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** A witness, a group, or `none`. */
  readonly quorum: string;
}

/** Lines beyond are refused: a policy is written by people. */
export const POLICY_LINES_MAX = 10_000;
export const NO_QUORUM = 'none';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const forbidden = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names as octets become text, for the name inside a vkey is UTF-8. */
function vkeyOf(field: string): Parsed<VerifierKey> {
  try {
    return parseVkey(utf8.decode(Buffer.from(field, 'latin1')));
  } catch {
    return malformed('not UTF-8');
  }
}

const octets = (text: string): string => Buffer.from(text).toString('latin1');

export function formatPolicy({ logs, witnesses, groups, quorum }: Policy): Uint8Array {
  const url = (entry: { readonly url?: string }): string => (entry.url === undefined ? '' : ` ${entry.url}`);
  const lines = [
    ...logs.map((log) => `log ${octets(formatVkey(log.key))}${url(log)}`),
    ...witnesses.map(
      (witness) => `witness ${witness.name} ${octets(formatVkey(witness.key))}${url(witness)}`,
    ),
    ...groups.map(({ name, threshold, members }) => `group ${name} ${threshold} ${members.join(' ')}`),
    `quorum ${quorum}`,
  ];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** Never throws; `detail` begins with the line's number. */
export function parsePolicy(bytes: Uint8Array): Parsed<Policy> {
  const reader = new PolicyReader();
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').split('\n');
  if (lines.length > POLICY_LINES_MAX) return malformed(`more than ${POLICY_LINES_MAX} lines`);
  for (const [i, line] of lines.entries()) {
    const wrong = forbidden.test(line) ? 'a control character' : reader.line(line);
    if (wrong !== null) return malformed(`line ${i + 1}: ${wrong}`);
  }
  return reader.end();
}

class PolicyReader {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #groups: PolicyGroup[] = [];
  readonly #names = new Set<string>();
  readonly #members = new Set<string>();
  #quorum: string | null = null;

  /** What is wrong with it; null when nothing is. */
  line(text: string): string | null {
    const words = text.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword, ...fields] = words;
    if (keyword === undefined || keyword.startsWith('#')) return null;
    switch (keyword) {
      case 'log':
        return this.#log(fields);
      case 'witness':
        return this.#witness(fields);
      case 'group':
        return this.#group(fields);
      case 'quorum':
        return this.#quorumLine(fields);
      default:
        return 'neither log, witness, group nor quorum';
    }
  }

  end(): Parsed<Policy> {
    if (this.#quorum === null) return malformed('no quorum line');
    const [logs, witnesses, groups] = [this.#logs, this.#witnesses, this.#groups];
    return parsed({ logs, witnesses, groups, quorum: this.#quorum });
  }

  #log([vkey, url, ...more]: string[]): string | null {
    if (vkey === undefined || more.length > 0) return 'not log <vkey> [<url>]';
    const key = vkeyOf(vkey);
    if (!key.ok) return `vkey: ${key.detail}`;
    if (this.#logs.some((log) => isSamePublicKey(log.key, key.value))) return 'a log twice';
    this.#logs.push({ key: key.value, ...(url === undefined ? {} : { url }) });
    return null;
  }

  #witness([name, vkey, url, ...more]: string[]): string | null {
    if (name === undefined || vkey === undefined || more.length > 0)
      return 'not witness <name> <vkey> [<url>]';
    const key = vkeyOf(vkey);
    if (!key.ok) return `vkey: ${key.detail}`;
    if (this.#witnesses.some((witness) => isSamePublicKey(witness.key, key.value))) return 'a witness twice';
    if (!this.#define(name)) return 'a name twice';
    this.#witnesses.push({ name, key: key.value, ...(url === undefined ? {} : { url }) });
    return null;
  }

  #group([name, count, ...members]: string[]): string | null {
    if (name === undefined || count === undefined || members.length === 0)
      return 'not group <name> all|any|<k> <name>...';
    for (const member of members) {
      if (!this.#names.has(member)) return 'a member that is not defined before';
      if (this.#members.has(member)) return 'a member twice';
      this.#members.add(member);
    }
    const threshold = thresholdOf(count, members.length);
    if (threshold === null) return 'the number of members';
    if (!this.#define(name)) return 'a name twice';
    this.#groups.push({ name, threshold, members });
    return null;
  }

  #quorumLine([name, ...more]: string[]): string | null {
    if (name === undefined || more.length > 0) return 'not quorum <name>';
    if (this.#quorum !== null) return 'a second quorum';
    if (name !== NO_QUORUM && !this.#names.has(name)) return 'a quorum that is not defined before';
    this.#quorum = name;
    return null;
  }

  #define(name: string): boolean {
    if (name === NO_QUORUM || this.#names.has(name)) return false;
    this.#names.add(name);
    return true;
  }
}

function thresholdOf(count: string, members: number): number | null {
  if (count === 'all') return members;
  if (count === 'any') return 1;
  const threshold = /^[1-9]\d{0,5}$/.test(count) ? Number(count) : 0;
  return threshold >= 1 && threshold <= members ? threshold : null;
}

/** Of the same public key, whatever name or id it goes by. */
function isSamePublicKey(a: VerifierKey, b: VerifierKey): boolean {
  return Buffer.compare(a.key, b.key) === 0;
}
