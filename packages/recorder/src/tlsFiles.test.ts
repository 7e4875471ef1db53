/** Certificates are read again when they change, both legs together; what cannot be used changes nothing. */
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate, makeRevocationList, type TestCertificate } from '@pgtape/testkit';
import { TlsFiles } from './tlsFiles.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-tls-files-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const path = (name: string): string => join(dir, name);
const first = makeCertificate({ name: 'first' });
const second = makeCertificate({ name: 'second certificate' });

function put(certificate: TestCertificate, key: TestCertificate = certificate): void {
  writeFileSync(path('crt'), certificate.certificate);
  writeFileSync(path('key'), key.key);
}

interface Opened {
  readonly files: TlsFiles;
  readonly told: string[];
  served(): string;
}

function open(): Opened {
  const told: string[] = [];
  const upstream = { mode: 'verify-full' as const, caFile: path('ca'), dropChannelBinding: false };
  const files = new TlsFiles(
    { tls: { certFile: path('crt'), keyFile: path('key') } },
    { host: 'db.test', tls: upstream },
    { onTrouble: (what) => void told.push(what) },
  );
  const names = new Map([first, second].map((one, at) => [one.certificate, ['first', 'second'][at]]));
  const served = (): string => {
    const leaf = files.material.served?.leaf.toString('base64') ?? '';
    const found = [...names].find(([pem]) => pem.replace(/-----.*-----|\n/g, '') === leaf);
    return found?.[1] ?? 'none';
  };
  return { files, told, served };
}

describe('TlsFiles', () => {
  it('a new pair is served at the next look, and the authorities are read with it', () => {
    put(first);
    writeFileSync(path('ca'), first.certificate);
    const { files, told, served } = open();
    const before = files.material;
    files.poll();
    expect([served(), files.material === before, told]).toEqual(['first', true, []]);
    put(second);
    files.poll();
    expect([served(), files.material.upstream === before.upstream, told]).toEqual([
      'second',
      false,
      ['tls_reloaded'],
    ]);
    writeFileSync(path('ca'), second.certificate);
    files.poll();
    expect(told).toEqual(['tls_reloaded', 'tls_reloaded']);
    expect(files.failures).toBe(0);
  });

  it.each([
    { name: 'a certificate without its key', harm: () => put(second, first) },
    { name: 'no certificate', harm: () => writeFileSync(path('crt'), 'nonsense') },
    { name: 'a certificate that has gone', harm: () => rmSync(path('crt')) },
    { name: 'authorities that have gone', harm: () => rmSync(path('ca')) },
  ])('$name: the ones before stay in use, and it is told once', ({ harm }) => {
    put(first);
    writeFileSync(path('ca'), first.certificate);
    const { files, told, served } = open();
    const before = files.material;
    harm();
    files.poll();
    files.poll();
    expect([served(), files.material === before, told, files.failures]).toEqual([
      'first',
      true,
      ['tls_files'],
      1,
    ]);
    put(second);
    writeFileSync(path('ca'), second.certificate);
    files.poll();
    expect([served(), told]).toEqual(['second', ['tls_files', 'tls_reloaded']]);
  });

  it('a name that cannot even be looked at stops nothing', () => {
    put(first);
    writeFileSync(path('ca'), first.certificate);
    const { files, told, served } = open();
    rmSync(path('crt'));
    symlinkSync('crt', path('crt'));
    files.poll();
    expect([served(), told]).toEqual(['first', ['tls_files']]);
    expect([open().served(), open().told]).toEqual(['none', ['tls_files']]);
  });

  it('a recorder that finds none starts without, and takes them when they come', () => {
    const { files, told, served } = open();
    expect([served(), told, files.material.upstream.verify]).toEqual(['none', ['tls_files'], 'full']);
    put(first);
    writeFileSync(path('ca'), first.certificate);
    files.poll();
    expect([served(), told]).toEqual(['first', ['tls_files', 'tls_reloaded']]);
  });
});

describe('encrypted keys and revocation lists', () => {
  const listen = { certFile: 'crt', keyFile: 'key', keyPassphraseFile: 'passphrase' };
  const encrypted = (type: 'pkcs8' | 'sec1'): string =>
    createPrivateKey(first.key).export({
      type,
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    }) as string;

  interface Case {
    readonly name: string;
    readonly put: () => void;
    readonly listen?: object;
    readonly upstream?: object;
    /** What is told; null: all is well, and there is something to serve. */
    readonly told: RegExp | null;
  }
  const cases: readonly Case[] = [
    {
      name: 'a key in PKCS #8, its passphrase in a file with a newline',
      put: () => {
        writeFileSync(path('key'), encrypted('pkcs8'));
        writeFileSync(path('passphrase'), 'open sesame\n');
      },
      told: null,
    },
    {
      name: 'a key in the old form, its passphrase in a file with a carriage return',
      put: () => {
        writeFileSync(path('key'), encrypted('sec1'));
        writeFileSync(path('passphrase'), 'open sesame\r\nand more');
      },
      told: null,
    },
    {
      name: 'a key that is not encrypted',
      put: () => writeFileSync(path('passphrase'), 'open sesame'),
      told: null,
    },
    {
      name: 'another passphrase',
      put: () => {
        writeFileSync(path('key'), encrypted('pkcs8'));
        writeFileSync(path('passphrase'), 'open barley');
      },
      told: /the passphrase in \S+\/passphrase does not open \S+\/key\)/,
    },
    {
      name: 'no passphrase named',
      put: () => writeFileSync(path('key'), encrypted('pkcs8')),
      listen: { keyPassphraseFile: undefined },
      told: /\S+\/key is encrypted: name the file of its passphrase in listen.tls.keyPassphraseFile/,
    },
    {
      name: 'a passphrase file that is not there',
      put: () => writeFileSync(path('key'), encrypted('pkcs8')),
      told: /ENOENT.*passphrase/,
    },
    {
      name: 'lists of both legs',
      put: () => {
        writeFileSync(path('passphrase'), '');
        writeFileSync(path('crl'), makeRevocationList(first, []));
      },
      listen: { clientCaFile: 'crt', clientCrlFile: 'crl' },
      upstream: { caFile: 'crt', crlFile: 'crl' },
      told: null,
    },
    {
      name: 'a certificate where a list should be',
      put: () => writeFileSync(path('passphrase'), ''),
      listen: { clientCaFile: 'crt', clientCrlFile: 'crt' },
      told: /\S+\/crt holds no certificate revocation list in PEM/,
    },
    {
      name: 'nonsense where the list of the server should be',
      put: () => {
        writeFileSync(path('passphrase'), '');
        writeFileSync(path('crl'), 'nonsense');
      },
      upstream: { caFile: 'crt', crlFile: 'crl' },
      told: /\S+\/crl holds no certificate revocation list in PEM/,
    },
  ];

  it.each(cases)('$name', ({ put: prepare, listen: more, upstream, told }) => {
    put(first);
    prepare();
    const said: string[] = [];
    const placed = (names: object): object =>
      Object.fromEntries(
        Object.entries(names).flatMap(([key, name]) => (name === undefined ? [] : [[key, path(name)]])),
      );
    const files = new TlsFiles(
      { tls: placed({ ...listen, ...more }) as { certFile: string; keyFile: string } },
      { host: 'db.test', tls: { mode: 'mirror', dropChannelBinding: false, ...placed(upstream ?? {}) } },
      { onTrouble: (_, detail) => void said.push(detail) },
    );
    expect([files.material.served !== null, files.failures]).toEqual(told === null ? [true, 0] : [false, 1]);
    expect(said.join('\n')).toMatch(told ?? /^$/);
    expect(said.join('\n')).not.toMatch(/sesame|barley/);
  });
});
