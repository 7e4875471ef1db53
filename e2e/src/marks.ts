/** Numbered rows written through a recorder while things die: what was answered, and how often each is on tape. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ArchivedRecord, Stack } from './stack.ts';

/** A load that runs until `stop`; `answered` holds the numbers whose answer reached the client. */
export interface Load {
  readonly answered: ReadonlySet<string>;
  /** Errors that clients saw, connections that broke included. */
  readonly errors: readonly string[];
  stop(): Promise<void>;
}

async function write(
  stack: Stack,
  writer: number,
  seen: { answered: Set<string>; errors: string[]; isOver: boolean },
  paddingBytes: number,
): Promise<void> {
  // Does not compress, as pictures do not.
  const padding = (): string =>
    paddingBytes === 0 ? '' : ` /* ${randomBytes(paddingBytes).toString('base64')} */`;
  let number = 0;
  while (!seen.isOver) {
    const client = new pg.Client({ connectionString: stack.url, connectionTimeoutMillis: 10_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      while (!seen.isOver) {
        number += 1;
        const id = `w${writer}-${number}`;
        const result =
          number % 2 === 0
            ? await client.query(`INSERT INTO marks VALUES ('${id}')${padding()}`)
            : await client.query({ name: 'mark', text: 'INSERT INTO marks VALUES ($1)', values: [id] });
        if (result.rowCount === 1) seen.answered.add(id);
      }
      await client.end();
    } catch (error) {
      seen.errors.push(error instanceof Error ? error.message : String(error));
      client.end().catch(() => {});
      await sleep(20);
    }
  }
}

/** Makes the table around the recorder, then writes through it with so many clients at once. `paddingBytes` blow up every other statement. */
export async function startLoad(stack: Stack, writers: number, paddingBytes = 0): Promise<Load> {
  const direct = new pg.Client({ connectionString: stack.directUrl });
  await direct.connect();
  await direct.query('CREATE TABLE IF NOT EXISTS marks (id text)');
  await direct.end();
  const seen = { answered: new Set<string>(), errors: [] as string[], isOver: false };
  const running = Array.from({ length: writers }, (_, writer) => write(stack, writer, seen, paddingBytes));
  return {
    answered: seen.answered,
    errors: seen.errors,
    async stop() {
      seen.isOver = true;
      await Promise.all(running);
    },
  };
}

/** How often each number stands in the archive as a completed statement. */
export function countMarks(records: readonly ArchivedRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const record of records) {
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

/** Numbers that break the promise; both lists empty when it is kept. */
export function brokenPromises(
  answered: ReadonlySet<string>,
  counts: ReadonlyMap<string, number>,
): { missing: string[]; twice: string[] } {
  return {
    missing: [...answered].filter((id) => !counts.has(id)),
    twice: [...counts].filter(([, count]) => count > 1).map(([id]) => id),
  };
}

/** What an archive says of the statements of a load, by how they are told. */
export interface Account {
  /** Recorded with their outcome. */
  readonly completed: number;
  /** Recorded, but nobody saw how they ended: under way when recording stopped. */
  readonly lost: number;
  /** Counted in gaps. */
  readonly passed: number;
}

export function account(records: readonly ArchivedRecord[]): Account {
  const count = { completed: 0, lost: 0, passed: 0 };
  for (const record of records) {
    if (record.kind === 'gap') count.passed += Number(record.statements ?? 0);
    if (record.kind !== 'statement') continue;
    if (record.outcome === 'lost') count.lost += 1;
    else if (String(record.tag).startsWith('INSERT')) count.completed += 1;
  }
  return count;
}
