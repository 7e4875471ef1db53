import { loadConfig } from '@pgtape/process';
import { VAULT_ENV_PREFIX, VaultConfig } from './config.ts';

describe('VaultConfig', () => {
  const load = (text: string, env: Record<string, string> = {}) =>
    loadConfig({ schema: VaultConfig, file: { path: 'vault.yaml', text }, env, envPrefix: VAULT_ENV_PREFIX });

  it('needs only the archive’s directory', () => {
    expect(load('archive: {store: /srv/archive}')).toEqual({
      name: 'vault',
      enrolment: { required: false, secrets: [] },
      kubernetes: { volumesDir: '/var/lib/pgtape/archives' },
      otlp: { host: '127.0.0.1', port: 4317 },
      http: {
        host: '127.0.0.1',
        port: 7417,
        callers: [],
        audience: 'pgtape-read',
        whyRequired: false,
        recordSeconds: 10,
        grantSeconds: 900,
        grantsMax: 100,
        grantsPerMinute: 600,
        readBytesMax: 64 * 1024 * 1024,
        stallSeconds: 30,
      },
      archive: { store: '/srv/archive' },
      holds: {
        dualControl: false,
        signers: [],
        releaseHours: 72,
        holdsMax: 1000,
        sessionsMax: 200_000,
        formerNames: [],
      },
      forward: { queueBytesMax: 67_108_864, timeoutMs: 10_000 },
      tail: { bufferBytesMax: 4_194_304, clientsMax: 64 },
      tlog: {
        formerKeys: [],
        checkpointSeconds: 10,
        witnesses: [],
        witnessTimeoutMs: 5000,
        pendingMax: 100_000,
      },
      limits: {
        messageBytesMax: 67_108_864,
        inflightBytesMax: 268_435_456,
        reelsMax: 10_000,
        sessionsMax: 100_000,
        quarantineBytesMax: 1_073_741_824,
      },
      log: { level: 'info' },
    });
  });

  it('takes the environment before the file', () => {
    const env = { PGTAPE_VAULT_ARCHIVE_STORE: '/other', PGTAPE_VAULT_FORWARD_URL: 'http://jaeger:4317' };
    const config = load('archive: {store: /srv/archive}', env);
    expect([config.archive.store, config.forward.url]).toEqual(['/other', 'http://jaeger:4317']);
  });

  it.each([
    { name: 'no archive', text: 'log: {level: info}' },
    { name: 'a store that is none', text: 'archive: {store: "gs://bucket"}' },
    { name: 'a lock that is none', text: 'archive: {store: /a, lock: compliance}' },
    { name: 'an unknown key', text: 'archive: {store: /a, sync: true}' },
    { name: 'a port out of range', text: 'archive: {store: /a}\nhttp: {port: 70000}' },
    { name: 'retention without a time', text: 'archive: {store: /a, retention: {}}' },
    { name: 'retention with two times', text: 'archive: {store: /a, retention: {days: 1, seconds: 1}}' },
    {
      name: 'a class of everybody',
      text: 'archive: {store: /a, retention: {days: 1, classes: [{name: x, days: 2}]}}',
    },
    {
      name: 'a key that is none',
      text: 'archive: {store: /a}\nholds: {signers: [{name: bob, publicKey: abc}]}',
    },
    { name: 'not an http address', text: 'archive: {store: /a}\nforward: {url: "file:///etc/passwd"}' },
  ])('refuses $name', ({ text }) => {
    expect(() => load(text)).toThrow('vault.yaml');
  });
});
