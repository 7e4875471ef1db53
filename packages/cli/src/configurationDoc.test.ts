import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OPERATOR_ENV_PREFIX, OperatorConfig } from '@pgtape/operator';
import { configReference } from '@pgtape/process';
import { RECORDER_ENV_PREFIX, RecorderConfig } from '@pgtape/recorder';
import { VAULT_ENV_PREFIX, VaultConfig } from '@pgtape/vault';

const file = fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url));

const opening = `# Configuration

Generated from the schemas by \`make golden\`. One YAML file per process (\`--config FILE\`); environment variables override the
file, flags override both. A key that is not listed here is an error that names file, line and column.

`;

describe('docs/configuration.md', () => {
  it('says what the schemas say', () => {
    const text =
      opening +
      configReference(RecorderConfig, 'Recorder', RECORDER_ENV_PREFIX).replace(/^# /, '## ') +
      '\n' +
      configReference(VaultConfig, 'Vault', VAULT_ENV_PREFIX).replace(/^# /, '## ') +
      '\n' +
      configReference(OperatorConfig, 'Operator', OPERATOR_ENV_PREFIX).replace(/^# /, '## ');
    if (process.env.PGTAPE_GOLDEN === 'write') writeFileSync(file, text);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
