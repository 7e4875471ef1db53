import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportTracePath, GrpcServer, grpcCode } from '@pgtape/otlp';
import { LastAuthority } from './lastAuthority.ts';
import { VaultClient } from './vaultClient.ts';

/** Another package's test certificates: `localhost`, one authority. */
const certificates = (await import(
  new URL('../../otlp/dist/certificates.testing.js', import.meta.url).href
)) as Record<'caCertificate' | 'serverCertificate' | 'serverKey' | 'clientCertificate' | 'clientKey', string>;

let dir: string;
let server: GrpcServer;
let url: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-vault-client-'));
  server = new GrpcServer({
    handlers: new Map([[exportTracePath, async () => new Uint8Array(0)]]),
    maxMessageBytes: 1 << 20,
    tls: {
      cert: certificates.serverCertificate,
      key: certificates.serverKey,
      ca: certificates.caCertificate,
    },
  });
  const { port } = await server.listen('127.0.0.1', 0);
  url = `https://localhost:${port}`;
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const ask = (client: VaultClient): Promise<{ code: number; message: string }> =>
  client.unary(exportTracePath, new Uint8Array(0), { encoding: 'identity', timeoutMs: 30_000 });

describe('VaultClient', () => {
  it('ca_unreadable: sending fails by that name, and works once the file is there; with mTLS', async () => {
    const [caFile, certFile, keyFile] = ['ca', 'cert', 'key'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    const client = new VaultClient({ url, caFile, certFile, keyFile, timeoutMs: 30_000 });
    expect(await ask(client)).toMatchObject({
      code: grpcCode.unavailable,
      message: expect.stringContaining('ca_unreadable') as unknown,
    });
    writeFileSync(caFile, certificates.caCertificate);
    expect((await ask(client)).message).toContain('certificate_unreadable');
    writeFileSync(certFile, 'not a certificate');
    writeFileSync(keyFile, certificates.clientKey);
    expect(await ask(client)).toMatchObject({
      code: grpcCode.unavailable,
      message: expect.stringContaining('certificate_unusable') as unknown,
    });
    writeFileSync(certFile, certificates.clientCertificate);
    expect((await ask(client)).code).toBe(grpcCode.ok);
    await client.close();
  });

  it('the file of authorities is gone, as with a deleted RecordedDatabase: the last ones stand in, also after a new start', async () => {
    const caFile = join(dir, 'ca');
    const [certFile, keyFile] = [join(dir, 'cert'), join(dir, 'key')];
    writeFileSync(caFile, certificates.caCertificate);
    writeFileSync(certFile, certificates.clientCertificate);
    writeFileSync(keyFile, certificates.clientKey);
    const lastFile = join(dir, 'last-vault-ca.pem');
    const vault = { url, caFile, certFile, keyFile, timeoutMs: 30_000 };
    const first = new VaultClient(vault, new LastAuthority(lastFile));
    rmSync(caFile);
    expect((await ask(first)).code).toBe(grpcCode.ok);
    await first.close();
    const next = new VaultClient(vault, new LastAuthority(lastFile));
    expect((await ask(next)).code).toBe(grpcCode.ok);
    await next.close();
    // Others that lie there are taken instead, and no stranger's are trusted beside them.
    writeFileSync(caFile, 'not a certificate');
    const other = new VaultClient(vault, new LastAuthority(lastFile));
    expect((await ask(other)).code).toBe(grpcCode.unavailable);
    await other.close();
  });

  it('without the certificate that the vault asks for nothing is sent', async () => {
    const caFile = join(dir, 'ca');
    writeFileSync(caFile, certificates.caCertificate);
    const client = new VaultClient({ url, caFile, timeoutMs: 30_000 });
    expect((await ask(client)).code).toBe(grpcCode.unavailable);
    await client.close();
  });
});
