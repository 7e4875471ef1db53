import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Stack, startStack } from './stack.ts';

const kills = Number(process.env.PGTAPE_KILLS ?? 20);
const writers = 6;

/** Inserts numbered rows until told to stop; `answered` holds the numbers whose answer reached this client. */
async function write(
  stack: Stack,
  writer: number,
  answered: Set<string>,
  isOver: () => boolean,
): Promise<void> {
  let number = 0;
  while (!isOver()) {
    const client = new pg.Client({ connectionString: stack.url, connectionTimeoutMillis: 2000 });
    client.on('error', () => {});
    try {
      await client.connect();
      while (!isOver()) {
        number += 1;
        const id = `w${writer}-${number}`;
        const result =
          number % 2 === 0
            ? await client.query(`INSERT INTO marks VALUES ('${id}')`)
            : await client.query({ name: 'mark', text: 'INSERT INTO marks VALUES ($1)', values: [id] });
        if (result.rowCount === 1) answered.add(id);
      }
      await client.end();
    } catch {
      client.end().catch(() => {});
      await sleep(20);
    }
  }
}

function marksOf(stack: Stack): Map<string, number> {
  const counts = new Map<string, number>();
  for (const record of stack.records()) {
    if (record.kind !== 'statement' || record.outcome !== 'completed') continue;
    const text = String(record.sql);
    const params = record.params as { v: string }[] | undefined;
    const id =
      /VALUES \('(w\d+-\d+)'\)/.exec(text)?.[1] ??
      (text.includes('marks VALUES ($1)') ? params?.[0]?.v : undefined);
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

describe('R1: what a client saw answered is on tape', () => {
  it(
    `survives kill -9 of the recorder (${kills} times), nothing missing, nothing twice`,
    async () => {
      const stack = await startStack({ segmentSeconds: 0.3 });
      try {
        const direct = new pg.Client({ connectionString: stack.directUrl });
        await direct.connect();
        await direct.query('CREATE TABLE marks (id text)');
        await direct.end();
        const answered = new Set<string>();
        let over = false;
        const load = Array.from({ length: writers }, (_, writer) =>
          write(stack, writer, answered, () => over),
        );
        for (let kill = 0; kill < kills; kill += 1) {
          await sleep(randomInt(150, 900));
          await stack.recorder.stop(0);
          stack.recorder = await stack.startRecorder();
        }
        await sleep(300);
        over = true;
        await Promise.all(load);
        await stack.settle();
        const marks = marksOf(stack);
        const missing = [...answered].filter((id) => !marks.has(id));
        const twice = [...marks].filter(([, count]) => count > 1);
        expect({ missing, twice }).toEqual({ missing: [], twice: [] });
        expect(answered.size).toBeGreaterThan(kills * 10);
        expect(marks.size).toBeGreaterThanOrEqual(answered.size);
      } finally {
        await stack.stop();
      }
    },
    kills * 6_000 + 120_000,
  );
});
