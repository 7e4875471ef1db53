import { loadConfig } from '@pgtape/process';
import { RECORDER_ENV_PREFIX, RecorderConfig } from '@pgtape/recorder';
import { VAULT_ENV_PREFIX, VaultConfig } from '@pgtape/vault';
import { connectionString, recorderYaml, type UpOptions, upLayout, vaultYaml } from './upLayout.ts';

const options: UpOptions = {
  dir: '/srv/it is: "here" #1',
  port: 5433,
  vaultOtlpPort: 7418,
  vaultHttpPort: 7417,
  healthPort: 7419,
  otlp: null,
};
const layout = upLayout(options.dir);

describe('what pgtape up writes', () => {
  it.each([
    { name: 'no backend', otlp: null },
    { name: 'a tracing backend', otlp: 'http://127.0.0.1:4317' },
  ])("is a vault's configuration: $name", ({ otlp }) => {
    const text = vaultYaml({ ...options, otlp }, layout);
    const config = loadConfig({
      schema: VaultConfig,
      file: { path: 'vault.yaml', text },
      env: {},
      envPrefix: VAULT_ENV_PREFIX,
    });
    expect(config).toMatchObject({
      otlp: { host: '127.0.0.1', port: 7418 },
      http: { host: '127.0.0.1', port: 7417, callers: [{ name: 'local' }] },
      archive: { store: '/srv/it is: "here" #1/archive' },
      enrolment: {
        required: true,
        secrets: [{ name: 'pgtape-up', file: '/srv/it is: "here" #1/enrolment.secret' }],
      },
      tlog: { checkpointSeconds: 2 },
    });
    expect(config.forward?.url ?? null).toBe(otlp);
  });

  it("is a recorder's configuration that talks to that vault", () => {
    const text = recorderYaml(options, layout, 40_123);
    const config = loadConfig({
      schema: RecorderConfig,
      file: { path: 'recorder.yaml', text },
      env: {},
      envPrefix: RECORDER_ENV_PREFIX,
    });
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 5433 },
      upstream: { host: '127.0.0.1', port: 40_123 },
      vault: {
        url: 'http://127.0.0.1:7418',
        enrolment: { name: 'pgtape-up', secretFile: '/srv/it is: "here" #1/enrolment.secret' },
      },
      spool: { dir: '/srv/it is: "here" #1/spool' },
      health: { host: '127.0.0.1', port: 7419 },
      trustUpstream: false,
    });
  });

  it('names a connection that any client takes', () => {
    expect(connectionString('a/b?c', 5433)).toBe('postgres://postgres:a%2Fb%3Fc@127.0.0.1:5433/postgres');
  });
});
