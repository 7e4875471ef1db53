/** When a spool is full: a table of readings, one after the other. */
import { type FullReason, type SpoolBounds, SpoolLevel, type SpoolReading } from './spoolLevel.ts';

const bounds: SpoolBounds = { maxBytes: 1000, highWater: 0.9, lowWater: 0.7, journalBytes: 200 };
const calm: SpoolReading = {
  journalBytes: 0,
  outboxBytes: 0,
  isOutboxFailing: false,
  isJournalFailing: false,
  unsealedMs: 0,
};

interface Case {
  readonly name: string;
  /** What is read, and what it says. */
  readonly steps: readonly (readonly [Partial<SpoolReading>, FullReason | null])[];
}

const cases: readonly Case[] = [
  {
    name: 'high and low water over journal and outbox together',
    steps: [
      [{ journalBytes: 99, outboxBytes: 800 }, null],
      [{ journalBytes: 100, outboxBytes: 800 }, 'spool_full'],
      [{ journalBytes: 90, outboxBytes: 800 }, 'spool_full'],
      [{ journalBytes: 0, outboxBytes: 701 }, 'spool_full'],
      [{ journalBytes: 0, outboxBytes: 700 }, null],
      [{ journalBytes: 0, outboxBytes: 899 }, null],
    ],
  },
  {
    name: 'a journal that cannot be written, until it can',
    steps: [
      [{ isJournalFailing: true }, 'journal_full'],
      [{ isJournalFailing: true, outboxBytes: 950 }, 'journal_full'],
      [{ outboxBytes: 950 }, 'journal_full'],
      [{ outboxBytes: 600 }, null],
    ],
  },
  {
    name: 'a journal at its bound is only behind while something is sealed',
    steps: [
      [{ journalBytes: 250, unsealedMs: 0 }, null],
      [{ journalBytes: 250, unsealedMs: 1999 }, null],
      [{ journalBytes: 250, unsealedMs: 2000 }, 'journal_full'],
      [{ journalBytes: 150, unsealedMs: 0 }, 'journal_full'],
      [{ journalBytes: 99, unsealedMs: 0 }, null],
    ],
  },
  {
    name: 'an outbox that takes nothing fills the journal: the spool is full when that is',
    steps: [
      [{ isOutboxFailing: true, journalBytes: 100, unsealedMs: 9999 }, null],
      [{ isOutboxFailing: true, journalBytes: 200, unsealedMs: 9999 }, 'spool_full'],
      [{ journalBytes: 0 }, null],
    ],
  },
];

it.each(cases)('$name', ({ steps }) => {
  const level = new SpoolLevel();
  for (const [reading, reason] of steps) {
    const was = level.reason;
    const changed = level.read(bounds, { ...calm, ...reading });
    expect({ reading, reason: level.reason, changed }).toEqual({
      ...{ reading, reason },
      changed: (was === null) !== (reason === null),
    });
  }
});
