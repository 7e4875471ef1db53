import { judgeTogether } from '../archiveVerdict.ts';
import { checkReel } from '../checkReel.ts';
import { exampleArchive } from '../exampleReel.ts';
import { archiveLimits } from './archiveLimits.ts';
import type { LogVerdict } from './logVerdict.ts';

const [one, two] = exampleArchive();
const openReel = await checkReel([one!, two!]);
const sound: LogVerdict = {
  verdict: 'complete',
  findings: [],
  origin: 'example.org/log',
  size: 6,
  root: '',
  keyFrom: 'auditor',
  cosigned: [],
  checked: { checkpoints: 1, tiles: 2, leaves: 6, objects: 2, versions: 0, retentions: 0 },
  started: [openReel.reel],
  unlogged: 0,
  isSound: true,
  remembered: null,
};
const starts = (log: LogVerdict | null): string[] =>
  archiveLimits(judgeTogether([openReel]), log).map((sentence) => sentence.split(/:| \(/)[0]!);
const three = [
  'That nothing followed',
  "That the first key is the recorder's own",
  'That no whole reel was deleted',
];

describe('archiveLimits', () => {
  it.each<{ name: string; log: LogVerdict | null; says: string[] }>([
    { name: 'no log', log: null, says: three },
    {
      name: 'a log whose key came from the archive',
      log: { ...sound, keyFrom: 'archive' },
      says: [...three, "That the log is the vault's own"],
    },
    {
      name: 'a log that is not sound',
      log: { ...sound, isSound: false, size: 0 },
      says: three,
    },
    {
      name: 'a sound log',
      log: sound,
      says: [
        `That the first key is the recorder's own in reel ${openReel.reel}`,
        'That the log did not go on behind its 6 leaves',
        'That others were shown the same log',
      ],
    },
    {
      name: 'a sound log with a witness',
      log: { ...sound, cosigned: [{ name: 'w', time: 1_795_212_010 }] },
      says: [
        `That the first key is the recorder's own in reel ${openReel.reel}`,
        'That the log did not go on behind its 6 leaves',
      ],
    },
    {
      name: 'a sound log, remembered as it is, with objects on their way',
      log: { ...sound, remembered: 6, unlogged: 2, started: [], cosigned: [{ name: 'w', time: 1 }] },
      says: ["That the first key is the recorder's own", 'That 2 objects are in the log'],
    },
  ])('of an open reel with $name says what is not proven', ({ log, says }) => {
    expect(starts(log)).toEqual(says.map((start) => expect.stringContaining(start)));
  });
});
