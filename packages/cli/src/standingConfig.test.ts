import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@pgtape/process';
import { podConfigText, RECORDER_ENV_PREFIX, RecorderConfig } from '@pgtape/recorder';
import { FakeIo } from './fakeIo.testing.ts';
import { standingConfig } from './standingConfig.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-standing-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const good = (name: string): string => `name: ${name}\nspool: { dir: /spool }\n`;

async function stand(files: Readonly<Record<string, string>>, lastFile = 'last') {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const io = new FakeIo({ cwd: dir });
  const standing = await standingConfig(io, ['a', 'b'], { lastFile, builtIn: podConfigText }, (file) =>
    loadConfig({
      schema: RecorderConfig,
      ...(file === undefined ? {} : { file }),
      env: { PGTAPE_RECORDER_CAPTURE_MODE: 'AddressSwap', PGTAPE_RECORDER_OF_A_LATER_VERSION: '1' },
      envPrefix: RECORDER_ENV_PREFIX,
      unknownEnv: 'ignore',
    }),
  );
  return { ...standing, told: io.err.text };
}

describe('a recorder in a pod', () => {
  it.each([
    { name: 'takes what it is given', files: { a: good('a'), last: good('last') }, used: 'a', standIn: null },
    { name: 'takes the second', files: { a: '{', b: good('b') }, used: 'b', standIn: null },
    {
      name: 'takes what it used last where both are broken',
      files: { a: '{', b: 'nonsense: 1', last: good('last') },
      used: 'last',
      standIn: 'config_last_good',
    },
    {
      name: 'takes what it used last where both are gone',
      files: { last: good('last') },
      used: 'last',
      standIn: 'config_last_good',
    },
    {
      name: 'takes the built-in one where there is nothing',
      files: {},
      used: 'recorder',
      standIn: 'config_built_in',
    },
    {
      name: 'takes the built-in one where everything is broken',
      files: { a: '', b: '{', last: '\u0000' },
      used: 'recorder',
      standIn: 'config_built_in',
    },
  ])('$name', async ({ files, used, standIn }) => {
    const standing = await stand(files as Record<string, string>);
    expect({ used: standing.value.name, standIn: standing.standIn }).toEqual({ used, standIn });
  });

  it('keeps what it was given, and nothing that stands in for it', async () => {
    await stand({ a: '{', b: good('b') });
    expect(readFileSync(join(dir, 'last'), 'utf8')).toBe(good('b'));
    await stand({ a: '{', b: '{' });
    expect(readFileSync(join(dir, 'last'), 'utf8')).toBe(good('b'));
    rmSync(join(dir, 'last'));
    await stand({ a: '{', b: '{' });
    expect(existsSync(join(dir, 'last'))).toBe(false);
  });

  it('starts where it can keep nothing, and says so', async () => {
    const standing = await stand({ a: good('a') }, 'a/last');
    expect(standing.standIn).toBeNull();
    expect(standing.told).toContain('the configuration is not kept in a/last (');
  });

  it('has health, spool and journal in the built-in configuration, and the environment over it', async () => {
    const { value } = await stand({});
    expect(value).toMatchObject({
      capture: { mode: 'AddressSwap' },
      spool: { dir: '/var/lib/pgtape/outbox' },
      journal: { dir: '/var/lib/pgtape/journal' },
      health: { host: '0.0.0.0', port: 7418 },
      failure: { onSpoolFull: 'pass' },
    });
  });
});
