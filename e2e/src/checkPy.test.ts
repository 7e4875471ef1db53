import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeObject, encodeObject } from '@pgtape/evidence';
import pg from 'pg';
import { startStack } from './stack.ts';

const script = fileURLToPath(new URL('../../docs/formats/check.py', import.meta.url));

function check(archive: string): { code: number | null; text: string } {
  const run = spawnSync('/usr/bin/python3', [script, archive], { encoding: 'utf8' });
  return { code: run.status, text: run.stdout + run.stderr };
}

const records = fileURLToPath(new URL('../../testdata/records/', import.meta.url));

describe('docs/formats/check.py', () => {
  it.each(['0.1.0', '0.1.0-without-log'])('says of an archive of %s what our own check says', (release) => {
    const expected = JSON.parse(readFileSync(join(records, release, 'expected.json'), 'utf8')) as {
      reels: { reel: string; verdict: string; records: number }[];
    };
    const { code, text } = check(join(records, release, 'archive'));
    const said = text.split('\n').flatMap((line) => {
      const [, verdict, reel, records] = /^(\w+) reel (\w+) \d+ segments (\d+) records/.exec(line) ?? [];
      return reel === undefined ? [] : [`${reel} ${verdict} ${records}`];
    });
    expect([code, said.sort()]).toEqual([
      1,
      expected.reels.map(({ reel, verdict, records: count }) => `${reel} ${verdict} ${count}`).sort(),
    ]);
  });

  it('judges every archive of its comparison as our own check does', () => {
    const compare = fileURLToPath(new URL('../../docs/formats/compare.js', import.meta.url));
    const run = spawnSync(process.execPath, [compare, '/usr/bin/python3'], { encoding: 'utf8' });
    expect([run.status, run.stdout + run.stderr]).toEqual([
      0,
      expect.stringMatching(/^\d+ archives, 0 judged differently\n$/),
    ]);
  }, 120_000);

  it('accepts a real archive and names the object that was changed', async () => {
    const stack = await startStack();
    try {
      const client = new pg.Client({ connectionString: stack.url });
      await client.connect();
      for (let index = 0; index < 30; index += 1) await client.query('SELECT $1::int AS index', [index]);
      await client.end();
      await stack.settle();
      expect(check(stack.archiveDir)).toEqual({ code: 0, text: expect.stringMatching(/complete/) });
      const textOf = (object: string): string =>
        Buffer.from(decodeObject(readFileSync(join(stack.archiveDir, object)))).toString('utf8');
      // Not one of the vault's own reel.
      const object = readdirSync(stack.archiveDir, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.jsonl.zst'))
        .find((file) => textOf(file).includes('"kind":"reel_opened"')) as string;
      const file = join(stack.archiveDir, object);
      const text = textOf(object);
      const changed = text.replace('"kind":"reel_opened"', '"kind":"reel_Opened"');
      expect(changed).not.toBe(text);
      chmodSync(file, 0o644);
      writeFileSync(
        file,
        encodeObject(
          changed
            .trimEnd()
            .split('\n')
            .map((line) => Buffer.from(line)),
        ),
      );
      const found = check(stack.archiveDir);
      expect(found.code).toBe(1);
      expect(found.text).toContain('forged');
      expect(found.text).toContain(object.split('/').at(-1));
    } finally {
      await stack.stop();
    }
  });
});
