import { readFileSync } from 'node:fs';
import { renderTable } from './specTable.ts';
import {
  heads,
  replies,
  repliesCount,
  replyOfTag,
  stepNumber,
  steps,
  stepTable,
  transitions,
} from './transitions.ts';

const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');

describe('transitions', () => {
  it('has a step for every reply at every head, and the numeric table is the same', () => {
    for (const [head, name] of heads.entries()) {
      expect(Object.keys(transitions[name]).sort()).toEqual([...replies].sort());
      for (const [reply, message] of replies.entries()) {
        expect(stepTable[head * repliesCount + reply]).toBe(stepNumber[transitions[name][message]]);
      }
    }
  });

  it('uses every step it names', () => {
    const used = new Set<string>(heads.flatMap((head) => replies.map((reply) => transitions[head][reply])));
    expect([...steps].filter((step) => !used.has(step))).toEqual([]);
  });

  it('knows every type byte: 256 of them have a reply', () => {
    expect([...replyOfTag].every((reply) => reply < repliesCount)).toBe(true);
    expect(replies[replyOfTag[0x5a]!]).toBe('ReadyForQuery');
    expect(replies[replyOfTag[0x7a]!]).toBe('unknown');
  });

  it('never takes a message it cannot place for another one: all else is lost', () => {
    for (const head of heads) {
      if (head !== 'dead') expect(transitions[head].unknown).toBe('lost');
    }
  });

  it('is the table SPEC.md shows', () => {
    const plain = (table = ''): string => table.trim().replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
    expect(plain(spec.split('<!-- table -->')[1])).toBe(plain(renderTable()));
  });

  it('every invariant of SPEC.md names a test that exists', () => {
    const named = [...spec.matchAll(/^- \*\*I\d+\*\*.*\(`([\w.]+)`: ([^)]+)\)$/gm)];
    expect(named.length).toBe([...spec.matchAll(/^- \*\*I\d+\*\*/gm)].length);
    for (const [, file = '', test = ''] of named) {
      const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
      expect({ file, test, found: source.includes(test) }).toEqual({ file, test, found: true });
    }
  });
});
