import { readFileSync } from 'node:fs';
import { kinds } from './arbitraries.testing.ts';
import { checkReel } from './checkReel.ts';
import { logExample } from './logExample.ts';
import { recordJsonSchema, recordReference } from './schemaDocs.ts';
import { segmentExample, tinySegment } from './segmentExample.ts';

const formats = (name: string) =>
  readFileSync(new URL(`../../../docs/formats/${name}`, import.meta.url), 'utf8');
/** The formatter pads tables; what they say stays. */
const said = (markdown: string) => markdown.replaceAll(/[\s-]+/g, '');
const hint = 'run: scripts/node docs/formats/write.js';

describe('docs/formats', () => {
  it(`record.md is the schema (${hint})`, () => {
    expect(said(formats('record.md'))).toBe(said(recordReference()));
  });

  it(`record.schema.json is the schema (${hint})`, () => {
    expect(JSON.parse(formats('record.schema.json'))).toEqual(recordJsonSchema());
  });

  it(`segment.md ends with the worked bytes (${hint})`, () => {
    const [, worked] = formats('segment.md').split('checked by a test -->');
    expect(said(worked!)).toBe(said(segmentExample()));
  });

  it(`log.md ends with the worked bytes (${hint})`, () => {
    const [, worked] = formats('log.md').split('checked by a test -->');
    expect(said(worked!)).toBe(said(logExample()));
  });

  it('work on bytes that verify', async () => {
    const verdict = await checkReel([tinySegment()], { strict: true });
    expect([verdict.verdict, verdict.records]).toEqual(['complete', 4]);
  });
});

describe('recordReference', () => {
  it('has a section for every kind, header and seal, and no unnamed type', () => {
    const sections = [...recordReference().matchAll(/^## `(\w+)`$/gm)].map((match) => match[1]);
    expect(sections).toEqual([...kinds, 'header', 'seal']);
    expect(recordReference()).not.toMatch(/undefined|\[object/);
  });

  it('says how each section differs: every one has a sentence', () => {
    for (const section of recordReference().split('\n## ').slice(2)) {
      expect(section).toMatch(/^`\w+`\n\n\S[^\n]+\.\n/);
    }
  });
});
