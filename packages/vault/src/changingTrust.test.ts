import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent, type RequestOptions, request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { logger } from '@pgtape/process';
import { memoryStore } from '@pgtape/store';
import { makeCertificate, type TestCertificate } from '@pgtape/testkit';
import { VaultConfig } from './config.ts';
import { callerConfig, granted, hashOf, token } from './httpCallers.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-trust-'));
const endings: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;

async function started(config: object): Promise<{ vault: Vault; log: string[] }> {
  made += 1;
  const log: string[] = [];
  const parsed = VaultConfig.parse({
    otlp: { port: 0 },
    archive: { store: join(scratch, `archive-${made}`) },
    ...config,
  });
  const vault = await startVault(parsed, {
    store: memoryStore(),
    log: logger('vault', 'info', { write: (line) => void log.push(line) }),
  });
  endings.push(() => vault.close());
  return { vault, log };
}

async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2000; tries += 1) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}

const ca = makeCertificate({ name: 'the authority' });
const otherCa = makeCertificate({ name: 'another authority' });
const servedBy = (name: string): TestCertificate =>
  makeCertificate({ name, names: ['127.0.0.1'], issuer: ca });

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
}

function filesIn(name: string, certificate: TestCertificate): Files {
  const at = (suffix: string): string => join(scratch, `${name}.${suffix}`);
  writeFileSync(at('crt'), certificate.certificate);
  writeFileSync(at('key'), certificate.key);
  writeFileSync(at('ca'), ca.certificate);
  return { certFile: at('crt'), keyFile: at('key'), clientCaFile: at('ca') };
}

/** The common name a listener shows now. */
function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const protocols = { ALPNProtocols: ['h2', 'http/1.1'] };
    const socket = connect({ host: '127.0.0.1', port, ca: ca.certificate, ...protocols }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('certificates that change', () => {
  const alice = makeCertificate({ name: 'anyone', names: ['alice.example'], issuer: ca });
  const stranger = makeCertificate({ name: 'anyone', names: ['alice.example'], issuer: otherCa });

  async function asAlice(
    vault: Vault,
    client: TestCertificate,
    agent: Agent | false = false,
  ): Promise<number> {
    const options: RequestOptions = {
      ...{ host: '127.0.0.1', port: vault.http.port, path: '/v1/status', agent },
      ...{ ca: ca.certificate, cert: client.certificate, key: client.key },
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      tlsRequest(options, resolve).on('error', reject).end();
    });
    response.resume();
    await new Promise((resolve) => response.on('end', resolve));
    return response.statusCode ?? 0;
  }

  it('both listeners show the new one, keep the old one while the files do not fit, and say so', async () => {
    const files = { otlp: filesIn('otlp', servedBy('one')), http: filesIn('http', servedBy('one')) };
    const { clientCaFile: _, ...otlpTls } = files.otlp;
    const { vault, log } = await started({
      otlp: { port: 0, tls: otlpTls },
      http: { port: 0, tls: files.http },
    });
    const two = servedBy('two');
    for (const { certFile } of Object.values(files)) writeFileSync(certFile, two.certificate);
    await until('both are told', () => log.filter((line) => line.includes('stay in use')).length === 2);
    expect([await shownBy(vault.otlp.port), await shownBy(vault.http.port)]).toEqual(['one', 'one']);
    for (const { keyFile } of Object.values(files)) writeFileSync(keyFile, two.key);
    await until('both show it', async () => {
      return (await shownBy(vault.otlp.port)) === 'two' && (await shownBy(vault.http.port)) === 'two';
    });
    expect(log.join('')).not.toContain(two.key.split('\n')[1] ?? '');
    // A file that is gone is no reason to stop either.
    rmSync(files.http.certFile);
    await until('it is told', () => log.filter((line) => line.includes('stay in use')).length === 3);
    expect(await shownBy(vault.http.port)).toBe('two');
  });

  it('who was believed by an authority that is none any more is let in nowhere, on an open connection neither', async () => {
    const tls = filesIn('ca', servedBy('one'));
    const callers = [{ name: 'alice', certificate: 'DNS:alice.example', may: ['status'] }];
    const { vault } = await started({ http: { port: 0, tls, callers } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    endings.push(() => agent.destroy());
    expect([await asAlice(vault, alice, agent), await asAlice(vault, stranger)]).toEqual([200, 401]);
    writeFileSync(tls.clientCaFile, otherCa.certificate);
    await until('the new authority counts', async () => (await asAlice(vault, stranger)) === 200);
    await until('the kept connection was closed', () => Object.keys(agent.freeSockets).length === 0);
    expect([await asAlice(vault, alice, agent), await asAlice(vault, alice)]).toEqual([401, 401]);
  });
});

describe('a tail', () => {
  it.each([
    { name: 'its token is taken back', hashes: `${hashOf('another')}\n`, ended: 'unauthenticated' },
    { name: 'the file is no longer sound', hashes: 'not a hash\n', ended: 'unauthenticated' },
    { name: 'another is added beside it', hashes: `${hashOf(token)}\n${hashOf('another')}\n`, ended: null },
  ])('$name', async ({ hashes, ended }) => {
    const dir = mkdtempSync(join(scratch, 'tail-'));
    const { vault } = await started({ http: { port: 0, ...callerConfig(dir) } });
    const grant = await granted(vault.http.port, { action: 'tail' });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'pgtape-grant': grant };
      const options = { host: '127.0.0.1', port: vault.http.port, path: '/v1/tail', headers, agent: false };
      plainRequest(options, resolve).on('error', reject).end();
    });
    endings.push(() => response.destroy());
    let text = '';
    let isOver = false;
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      isOver = true;
    });
    writeFileSync(join(dir, 'tester.sha256'), hashes);
    if (ended === null) {
      // Whoever was given the new one is let in; so the change counts, and the tail saw it.
      await until('it counts', async () => {
        const headers = { authorization: 'Bearer another' };
        return (await fetch(`http://127.0.0.1:${vault.http.port}/v1/status`, { headers })).status === 200;
      });
      const later = Date.now() + 1500;
      await until('another look', () => Date.now() > later);
      expect([isOver, text]).toEqual([false, '']);
      return;
    }
    await until('it ends', () => isOver);
    expect(text).toBe(`{"ended":"${ended}"}\n`);
    await until('it is not counted', async () =>
      (await (await fetch(`http://127.0.0.1:${vault.http.port}/metrics`)).text()).includes(
        'pgtape_vault_tail_clients 0\n',
      ),
    );
  });
});
