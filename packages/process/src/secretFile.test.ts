import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from './configError.ts';
import { readSecretFile } from './secretFile.ts';

describe('readSecretFile', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-secret-'));
  const path = join(dir, 'secret');
  const put = (text: string, mode = 0o600) => {
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each([
    { name: 'one newline', text: 's3cret\n', want: 's3cret' },
    { name: 'of two only one', text: 's3cret\n\n', want: 's3cret\n' },
    { name: 'return and newline', text: 's3cret\r\n', want: 's3cret' },
    { name: 'blanks stay', text: ' s3cret ', want: ' s3cret ' },
  ])('$name', ({ text, want }) => {
    const warnings: string[] = [];
    expect(readSecretFile(put(text), (message) => warnings.push(message))).toBe(want);
    expect(warnings).toEqual([]);
  });

  it('warns of a file everybody may read', () => {
    const warnings: string[] = [];
    expect(readSecretFile(put('s', 0o644), (message) => warnings.push(message))).toBe('s');
    expect(warnings).toEqual([`${path} may be read by everybody on this machine (mode 644)`]);
  });

  it.each([
    { name: 'absent', of: () => join(dir, 'none'), want: 'the secret cannot be read (ENOENT)' },
    { name: 'a directory', of: () => dir, want: 'the secret cannot be read (EISDIR)' },
    { name: 'empty', of: () => put('\n'), want: 'the secret is empty' },
    { name: 'huge', of: () => put('x'.repeat(65_537)), want: 'longer than 65536 bytes, so no secret' },
  ])('refuses one that is $name', ({ of, want }) => {
    const file = of();
    expect(() => readSecretFile(file)).toThrow(new ConfigError([{ where: file, key: '', problem: want }]));
  });
});
