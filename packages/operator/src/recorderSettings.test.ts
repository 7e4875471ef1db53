import { loadConfig } from '@pgtape/process';
import { RECORDER_ENV_PREFIX, RecorderConfig } from '@pgtape/recorder';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { modeEnvironment, recorderSettings } from './recorderSettings.ts';

const specOf = (more: object = {}) =>
  RecordedDatabaseSpec.parse({ selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit', ...more });

/** As the kubelet fills it in for a pod with these addresses. */
function environment(mode: Parameters<typeof modeEnvironment>[0], port = 5432): Record<string, string> {
  return Object.fromEntries(
    modeEnvironment(mode, port).map(({ name, value }) => [
      name,
      value.replace('$(POD_IPS)', '10.1.2.3,fd00::5').replace('$(POD_IP)', '10.1.2.3'),
    ]),
  );
}

const loaded = (text: string, env: Record<string, string>): RecorderConfig =>
  loadConfig({
    schema: RecorderConfig,
    file: { path: 'recorder.yaml', text },
    env,
    envPrefix: RECORDER_ENV_PREFIX,
  });

describe('a pod whose address ends in :: has no recorder, and no way to its database', () => {
  it.each(['fd00:10:244::', 'fd00:10:244::,10.1.2.3', '10.1.2.3', ''])('starts with %s', (addresses) => {
    const env = Object.fromEntries(
      modeEnvironment('AddressSwap', 5432).map(({ name, value }) => [
        name,
        value.replace('$(POD_IPS)', addresses).replace('$(POD_IP)', addresses.split(',')[0] ?? ''),
      ]),
    );
    const text = recorderSettings('shop/orders', specOf(), { url: 'https://vault:4317' });
    expect(loaded(text, env).listen.others).toEqual([`::1,${addresses}`]);
  });
});

describe('recorderSettings', () => {
  it('is a configuration that a recorder takes, with every wish of the RecordedDatabase in it', () => {
    const spec = specOf({
      capture: { port: 5433, rawPeers: ['10.0.0.0/8'] },
      upstream: { tlsMode: 'VerifyFull', caRef: { name: 'ca' }, trust: true },
      tlsSecretName: 'server',
      coverage: { credentialsRef: 'watcher', allow: [{ user: 'exporter', database: 'postgres' }] },
      spool: { journalSize: '100Mi', outboxSize: '1G', onFull: 'Refuse' },
    });
    const config = loaded(
      recorderSettings('shop/orders', spec, { url: 'https://vault:4317' }),
      environment('AddressSwap', 5433),
    );
    expect(config).toMatchObject({
      name: 'shop/orders',
      capture: { mode: 'AddressSwap', port: 5433 },
      listen: {
        host: '127.0.0.1',
        port: 5433,
        others: ['::1,10.1.2.3,fd00::5'],
        tls: { certFile: '/etc/pgtape/tls/tls.crt', keyFile: '/etc/pgtape/tls/tls.key' },
      },
      upstream: {
        host: '127.0.0.2',
        port: 5433,
        localAddress: '127.0.0.2',
        tls: { mode: 'verify-full', caFile: '/etc/pgtape/upstream/ca.crt' },
      },
      trustUpstream: true,
      rawLanes: ['10.0.0.0/8'],
      spool: { dir: '/var/lib/pgtape/outbox', maxBytes: 800_000_000 },
      journal: { dir: '/var/lib/pgtape/journal', maxBytes: 83_886_080 },
      failure: { onSpoolFull: 'refuse' },
      stopGraceSeconds: 25,
      coverage: {
        credentialsDir: '/etc/pgtape/coverage',
        allow: [{ user: 'exporter', database: 'postgres' }],
      },
      vault: {
        url: 'https://vault:4317',
        caFile: '/var/run/pgtape/vault/ca.crt',
        tokenFile: '/var/run/pgtape/vault/token',
      },
      health: { host: '0.0.0.0', port: 7418 },
    });
  });

  it.each([
    ['Preferred', 'pass'],
    ['Required', 'pause'],
  ])('%s: a full spool does %s', (admission, onSpoolFull) => {
    const spec = specOf({ enforcement: { admission } });
    const config = loaded(
      recorderSettings('a/b', spec, { url: 'http://vault:4317' }),
      environment('Service'),
    );
    expect(config.failure).toEqual({ onSpoolFull });
  });

  it.each([
    ['Redirect', { listen: { host: '0.0.0.0', port: 6432, others: ['::'] }, upstream: { host: '10.1.2.3' } }],
    [
      'NamedPort',
      { listen: { port: 6432 }, upstream: { host: '127.0.0.1', port: 5432, localAddress: '127.0.0.2' } },
    ],
    ['Service', { listen: { port: 6432 }, upstream: { host: '127.0.0.1', localAddress: '127.0.0.2' } }],
  ] as const)('%s', (mode, expected) => {
    const text = recorderSettings('a/b', specOf(), { url: 'http://vault:4317' });
    expect(loaded(text, environment(mode))).toMatchObject(expected);
  });
});
