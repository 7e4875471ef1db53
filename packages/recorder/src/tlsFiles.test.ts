/** Certificates are read again when they change, both legs together; what cannot be used changes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate, type TestCertificate } from '@pgtape/testkit';
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

  it('a recorder that finds none starts without, and takes them when they come', () => {
    const { files, told, served } = open();
    expect([served(), told, files.material.upstream.verify]).toEqual(['none', ['tls_files'], 'full']);
    put(first);
    writeFileSync(path('ca'), first.certificate);
    files.poll();
    expect([served(), told]).toEqual(['first', ['tls_files', 'tls_reloaded']]);
  });
});
