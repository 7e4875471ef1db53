import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@pgtape/process';
import { RECORDER_ENV_PREFIX, RecorderConfig } from '@pgtape/recorder';
import { firstConfigured } from './configFile.ts';
import { CommandError } from './exitCode.ts';
import { FakeIo } from './fakeIo.testing.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-config-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const good = 'name: good\nspool: { dir: /spool }\n';
const other = 'name: other\nspool: { dir: /spool }\n';

async function named(files: Readonly<Record<string, string>>, paths: readonly (string | undefined)[]) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const io = new FakeIo({ cwd: dir });
  const load = (file: { path: string; text: string } | undefined): string =>
    loadConfig({
      schema: RecorderConfig,
      ...(file === undefined ? {} : { file }),
      env: {},
      envPrefix: RECORDER_ENV_PREFIX,
    }).name;
  const result = await firstConfigured(io, paths, load).catch((error: unknown) =>
    error instanceof CommandError ? error.code : error,
  );
  return {
    result,
    told: io.err.text.split('\n').filter((line) => line.startsWith('pgtape: ')).length,
  };
}

describe('firstConfigured', () => {
  it.each([
    {
      name: 'the first that holds',
      files: { a: good, b: other },
      paths: ['a', 'b'],
      result: 'good',
      told: 0,
    },
    {
      name: 'the second where the first is missing',
      files: { b: other },
      paths: ['a', 'b'],
      result: 'other',
      told: 1,
    },
    {
      name: 'the second where the first is empty',
      files: { a: '', b: other },
      paths: ['a', 'b'],
      result: 'other',
      told: 1,
    },
    {
      name: 'the second where the first is no YAML',
      files: { a: '{', b: other },
      paths: ['a', 'b'],
      result: 'other',
      told: 1,
    },
    {
      name: 'the second where the first has a key too many',
      files: { a: `${good}nonsense: 1\n`, b: other },
      paths: ['a', 'b'],
      result: 'other',
      told: 1,
    },
    { name: 'only the second named', files: { b: other }, paths: [undefined, 'b'], result: 'other', told: 0 },
    {
      name: 'neither holds',
      files: { a: '{', b: '{' },
      paths: ['a', 'b'],
      result: 'CONFIG_INVALID',
      told: 1,
    },
    { name: 'neither is there', files: {}, paths: ['a', 'b'], result: 'CONFIG_UNREADABLE', told: 1 },
  ])('$name', async ({ files, paths, result, told }) => {
    expect(await named(files as Record<string, string>, paths)).toEqual({ result, told });
  });
});
