/**
 * The list of bugs that other proxies shipped, by the numbers of the protocol study, and that every one of them is guarded against: by a
 * row of a `peerBugs*.test.ts`, or by a test elsewhere, named here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../src/', import.meta.url));
const bugsOfPeers = 55;
/** What pgtape adds to the list from its own probes: 56 ... 64. */
const ownAdditions = 9;

/** Guarded against by a test that was there for another reason, in a file of `packages`. */
const elsewhere: readonly {
  readonly of: number;
  readonly bug: string;
  readonly file: string;
  readonly test: string;
}[] = [
  {
    of: 35,
    bug: 'neon#12783, lib/pq#1331, databasus#722: direct TLS without ALPN',
    file: 'recorder/src/relayTlsStartup.test.ts',
    test: 'direct TLS with ALPN $name is closed',
  },
  {
    of: 36,
    bug: "pgt-proxy#6: with the server's own certificate channel binding holds",
    file: 'recorder/src/relayTls.test.ts',
    test: "TLS with the server's certificate: channel binding holds from end to end",
  },
  {
    of: 36,
    bug: 'pgt-proxy#6: with another one the client is told why it cannot',
    file: 'recorder/src/relayTls.test.ts',
    test: 'another certificate and a client that binds it',
  },
  {
    of: 44,
    bug: 'node-postgres#2240, #2241: nothing is joined: the very chunk is handed over',
    file: 'wire/src/frameCutter.test.ts',
    test: 'hands over the very chunk it was given',
  },
  {
    of: 44,
    bug: 'node-postgres#3776: a view into a buffer that is read into again',
    file: 'recorder/src/relayBytes.test.ts',
    test: 'R2: random messages, every chunking',
  },
  {
    of: 39,
    bug: 'envoy#12340: a length is not believed: nothing is allocated for it',
    file: 'wire/src/frameReader.test.ts',
    test: 'does not allocate what a length only claims',
  },
];

function rowsOf(file: string): number[] {
  const text = readFileSync(join(sources, file), 'utf8');
  return [...text.matchAll(/\bof: (\d+),|\bit\('(\d+) /g)].map((match) => Number(match[1] ?? match[2]));
}

describe('bugs of peers', () => {
  it('every one has a test', () => {
    const files = readdirSync(sources).filter((name) => /^peerBugs\w+\.test\.ts$/.test(name));
    const covered = new Set([...files.flatMap(rowsOf), ...elsewhere.map(({ of }) => of)]);
    const wanted = Array.from({ length: bugsOfPeers + ownAdditions }, (_, place) => place + 1);
    expect(wanted.filter((number) => !covered.has(number))).toEqual([]);
    expect([...covered].filter((number) => !wanted.includes(number))).toEqual([]);
  });

  it.each(elsewhere)('$of $bug: $file', ({ file, test }) => {
    expect(readFileSync(join(dirname(dirname(sources.replace(/\/$/, ''))), file), 'utf8')).toContain(test);
  });
});
