import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileMark } from './fileMark.ts';

describe('fileMark', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-mark-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('stays while the file does, and is another when it was replaced by one of the same size', () => {
    const path = join(dir, 'a');
    writeFileSync(path, 'one');
    const before = fileMark(path);
    expect(fileMark(path)).toBe(before);
    writeFileSync(join(dir, 'b'), 'two');
    renameSync(join(dir, 'b'), path);
    expect(fileMark(path)).not.toBe(before);
  });

  it('does not throw for what is not there, is below a file, or cannot be followed', () => {
    const loop = join(dir, 'loop');
    symlinkSync('loop', loop);
    writeFileSync(join(dir, 'file'), '');
    const paths = [join(dir, 'none'), join(dir, 'file', 'below'), loop];
    expect(paths.map(fileMark)).toEqual(['absent', 'absent', 'absent']);
  });
});
