import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits } from '@pgtape/session';
import { makeSpool, quickDisk } from './pipelineFixture.testing.ts';
import { emptyChain } from './sealer.ts';
import {
  type DecoderLines,
  readSnapshot,
  type SnapshotHead,
  snapshotVersion,
  writeSnapshot,
} from './snapshot.ts';
import { SnapshotTooLong } from './snapshotText.ts';

const head = (consumed: number): SnapshotHead => ({
  v: snapshotVersion,
  settings: { limits: defaultLimits, heartbeatSeconds: 3 },
  position: { file: 1, offset: consumed },
  consumed,
  chain: emptyChain,
  pending: [],
  pendingSinceNs: 0,
  nextSeq: 1,
  openSessions: 0,
  spans: [],
});
const none: DecoderLines = () => [];
const noise = (length: number): string =>
  Array.from({ length }, (_, at) => String.fromCharCode(32 + ((at * 7919 + (at >> 5)) % 90))).join('');
/** Lines that say nothing, so that reading them back holds nothing. */
const padding = (count: number, text: string): DecoderLines =>
  function* () {
    for (let at = 0; at < count; at += 1) yield `{"padding":${JSON.stringify(text)}}`;
  };

function places(): { dir: string; newest: string; previous: string } {
  const dir = join(makeSpool().journalDir, 'reel');
  mkdirSync(dir, { recursive: true });
  return { dir, newest: join(dir, 'snapshot.json'), previous: join(dir, 'snapshot.previous.json') };
}

/** Two good ones, of 1 and 2 bytes of journal. */
function written(): ReturnType<typeof places> {
  const at = places();
  writeSnapshot(quickDisk, at.dir, head(1), none);
  writeSnapshot(quickDisk, at.dir, head(2), none);
  return at;
}

describe('a snapshot', () => {
  it('over 512 MiB, the longest string of V8, is read back', () => {
    const { dir, newest } = places();
    writeSnapshot(quickDisk, dir, head(7), padding(520, 'x'.repeat(1024 * 1024)));
    expect(readSnapshot(quickDisk, dir)).toEqual({ ...head(7), decoder: null });
    expect(statSync(newest).size).toBeLessThan(8 * 1024 * 1024);
  });

  it.each([
    { name: 'characters of every width across blocks', text: 'aé€😀"\\\n'.repeat(150_000) },
    { name: 'a surrogate without its pair', text: '\ud800x'.repeat(70_000) },
  ])('reads back $name', ({ text }) => {
    const { dir } = places();
    const session = { number: 1, fromClient: 1, fromServer: 2, text };
    writeSnapshot(quickDisk, dir, head(7), () => [
      '{"decoder":{"ended":false}}',
      `{"session":${JSON.stringify(session)}}`,
    ]);
    const { decoder } = readSnapshot(quickDisk, dir)!;
    expect(decoder?.sessions).toEqual([{ ...session, held: { frontend: [], backend: [] } }]);
  });

  it.each([
    { name: 'cut anywhere', hurt: (whole: Buffer, at: number) => whole.subarray(0, at) },
    {
      name: 'with a byte changed anywhere',
      hurt: (whole: Buffer, at: number) => {
        const copy = Buffer.from(whole);
        copy[at] = copy[at]! ^ 1;
        return copy;
      },
    },
  ])('is not taken for good $name, long or short', ({ hurt }) => {
    for (const lines of [none, padding(3, noise(600_000))]) {
      const { dir, newest } = places();
      writeSnapshot(quickDisk, dir, head(7), lines);
      const whole = readFileSync(newest);
      const step = Math.ceil(whole.length / 40);
      for (let at = 0; at < whole.length; at += step) {
        writeFileSync(newest, hurt(whole, at));
        expect(readSnapshot(quickDisk, dir)).toBeNull();
        expect(existsSync(newest)).toBe(true);
      }
    }
  });

  it('that cannot be read is removed only when the one before is good', () => {
    const one = written();
    writeFileSync(one.newest, 'torn');
    expect(readSnapshot(quickDisk, one.dir)?.consumed).toBe(1);
    expect([existsSync(one.newest), existsSync(one.previous)]).toEqual([false, true]);
    const both = written();
    for (const path of [both.newest, both.previous]) writeFileSync(path, 'torn');
    expect(readSnapshot(quickDisk, both.dir)).toBeNull();
    expect([existsSync(both.newest), existsSync(both.previous)]).toEqual([true, true]);
  });

  it('too long to be read is an error of its own, no damage', () => {
    const { dir, newest, previous } = places();
    for (const consumed of [1, 2]) writeSnapshot(quickDisk, dir, head(consumed), padding(1, noise(5000)));
    expect(() => readSnapshot(quickDisk, dir, 1000)).toThrow(SnapshotTooLong);
    expect([existsSync(newest), existsSync(previous)]).toEqual([true, true]);
    expect(readSnapshot(quickDisk, dir)?.consumed).toBe(2);
  });

  it('too long to be written leaves the last one, and no half of a file', () => {
    const { dir, newest } = written();
    expect(() => writeSnapshot(quickDisk, dir, head(3), padding(1, noise(5000)), 1000)).toThrow(
      SnapshotTooLong,
    );
    const endless: DecoderLines = () => {
      throw new RangeError('Invalid string length');
    };
    expect(() => writeSnapshot(quickDisk, dir, head(3), endless)).toThrow(SnapshotTooLong);
    expect(existsSync(`${newest}.tmp`)).toBe(false);
    expect(readSnapshot(quickDisk, dir)?.consumed).toBe(2);
  });
});
