/** `pgtape redirect` where iptables is not there, may not, or says what is not so; its rules in a real namespace are e2e's. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('redirect.main.js', import.meta.url));

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'pgtape-redirect-'));
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

/** Runs it where iptables is what `script` does; null: nowhere. */
function redirect(
  script: string | null,
  ...more: readonly string[]
): { status: number | null; said: string } {
  if (script !== null) {
    for (const program of ['iptables-nft', 'ip6tables-nft'])
      writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const done = spawnSync(process.execPath, [main, 'redirect', '--from', '5432', '--to', '6432', ...more], {
    encoding: 'utf8',
    env: { PATH: bin },
  });
  return { status: done.status, said: done.stdout + done.stderr };
}

interface Case {
  readonly where: string;
  readonly script: string | null;
  readonly status: number;
  readonly says: readonly string[];
}

/** It gets the table, the command and its arguments: `-t nat -C PREROUTING ...`. */
const cases: readonly Case[] = [
  {
    where: 'an image has no iptables',
    script: null,
    status: 3,
    says: ['IPTABLES_MISSING', 'iptables-nft cannot be run (ENOENT)', "pgtape's image", 'package iptables'],
  },
  {
    where: 'iptables may not be run',
    script: 'exit 126',
    status: 3,
    says: ['REDIRECT_REFUSED', 'iptables-nft: ended with status 126', 'NET_ADMIN and NET_RAW'],
  },
  {
    where: 'the kernel has no nf_tables',
    script:
      'echo "iptables v1.8.9 (nf_tables): Failed to initialize nft: Protocol not supported" >&2; echo more >&2; exit 1',
    status: 3,
    says: ['REDIRECT_REFUSED', 'Failed to initialize nft: Protocol not supported', 'the node nf_tables'],
  },
  {
    where: 'the kernel knows no REDIRECT',
    script:
      'case $3 in -S) echo "-P PREROUTING ACCEPT" ;; -C) exit 1 ;; -A) echo "Extension REDIRECT revision 0 not supported, missing kernel module?" >&2; exit 4 ;; esac',
    status: 3,
    says: ['REDIRECT_REFUSED', 'missing kernel module', 'another capture mode'],
  },
  {
    where: 'a rule that was taken is not there afterwards',
    script: 'case $3 in -S) echo "-P PREROUTING ACCEPT" ;; -C) exit 1 ;; esac',
    status: 1,
    says: [
      'REDIRECT_ABSENT',
      'iptables-nft took a rule of PREROUTING that is not there afterwards',
      'Something else writes the rules',
    ],
  },
];

describe('pgtape redirect', () => {
  it.each(cases)('says by name that $where, and who must act', ({ script, status, says }) => {
    const done = redirect(script);
    expect(done.status).toBe(status);
    for (const words of says) expect(done.said).toContain(words);
    expect(done.said).not.toContain('leads to');
  });

  it.each(cases)('where it is optional a pod starts though $where, and is told the same', (one) => {
    const done = redirect(one.script, '--optional');
    expect(done.status).toBe(0);
    for (const words of one.says) expect(done.said).toContain(words);
    expect(done.said).toContain('its clients are not led to the recorder');
  });

  it('asks for the rules before it sets any, and reads back each that it set', () => {
    const log = join(bin, 'asked');
    const script = `
      echo "$3 $4" >>${log}
      case $3 in
        -S) echo "-P PREROUTING ACCEPT" ;;
        -A) : >"${bin}/$4.set.$(echo "$0" | /usr/bin/tr / _)" ;;
        -C) test -e "${bin}/$4.set.$(echo "$0" | /usr/bin/tr / _)" ;;
      esac`;
    const done = redirect(script);
    expect(done.said).toContain('port 5432 leads to 6432, but for uid 65532');
    expect(done.status).toBe(0);
    const family = [
      '-S ',
      ...['PREROUTING', 'OUTPUT'].flatMap((chain) => [`-C ${chain}`, `-A ${chain}`, `-C ${chain}`]),
    ];
    const asked = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    expect(asked.slice(0, family.length)).toEqual(family);
    expect([family.length, 2 * family.length]).toContain(asked.length);
  });
});
