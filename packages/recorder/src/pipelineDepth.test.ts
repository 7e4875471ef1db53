/** A client far ahead of the replies: what it sent waits undecoded, and all of it is on tape. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import { defaultLimits } from '@pgtape/session';
import { message, RawClient, startTestPostgres } from '@pgtape/testkit';
import { ReelDecoder } from './decoder.ts';
import { JournalBuilder, say } from './journalBuilder.testing.ts';
import { JournalReader } from './journalReader.ts';
import { makeSpool, pipelineOptions, recordLines } from './pipelineFixture.testing.ts';
import { type PipelineState, ReelPipeline } from './reelPipeline.ts';
import { startRelay } from './relayFixture.testing.ts';

const settings = { limits: defaultLimits, heartbeatSeconds: 30 };

function decode(dir: string): DraftRecord[] {
  const drafts: DraftRecord[] = [];
  const decoder = new ReelDecoder(settings, (draft) => void drafts.push(draft));
  const reader = new JournalReader(dir, null, 0);
  for (let found = reader.read(); found !== 'none'; found = reader.read()) {
    if (found === 'damaged') throw new Error(reader.damage);
    decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
  }
  reader.close();
  return drafts;
}

/** Seals a copy of the journal, the worker dying after every so many bytes; its lines. */
function sealedLines(from: string, bytesPerLife: number): string[] {
  const spool = makeSpool();
  cpSync(from, join(spool.journalDir, basename(from)), { recursive: true });
  for (let lives = 0; lives < 60; lives += 1) {
    const options = pipelineOptions(spool, { segment: { records: 1000 } });
    const pipeline = new ReelPipeline({ ...options, snapshotBytes: 200_000 });
    let state: PipelineState = 'busy';
    for (let bytes = 0; bytes < bytesPerLife && state === 'busy'; bytes += 1 << 16) {
      state = pipeline.step(1 << 16);
    }
    pipeline.close();
    if (state === 'ended') return recordLines(spool);
  }
  throw new Error('it did not end');
}

const gapsOf = (drafts: DraftRecord[]): DraftRecord[] => drafts.filter(({ kind }) => kind === 'gap');
const countOf = (drafts: DraftRecord[]): number => drafts.filter(({ kind }) => kind === 'statement').length;

it('pipeline_of_200k_binds: all taped, nothing lost', async () => {
  const root = mkdtempSync(join(tmpdir(), 'pgtape-depth-'));
  const password = 'plant-2f0b-secret';
  const hba = ['host all all 127.0.0.1/32 password'];
  const postgres = await startTestPostgres({ dir: root, password, settings: { fsync: 'off' }, hba });
  const relay = await startRelay({ serverPort: postgres.port, trustUpstream: false });
  try {
    const pairs = 200_000;
    const to = { port: relay.port, user: 'postgres', database: 'postgres', password };
    const client = await RawClient.connect(to);
    // The first one runs while all the others arrive.
    const parts = [
      message.parse('slow', 'select pg_sleep(3)'),
      message.bind('', 'slow'),
      message.execute(''),
    ];
    parts.push(message.parse('s', 'select $1::int', [23]));
    for (let i = 0; i < pairs; i += 1) parts.push(message.bind('', 's', [String(i)]), message.execute(''));
    parts.push(message.sync());
    client.send(Buffer.concat(parts));
    await client.until('Z');
    await client.end();
    relay.entries();
    const drafts = decode(relay.dir);
    expect(gapsOf(drafts)).toEqual([]);
    expect(countOf(drafts)).toBe(pairs + 1);
  } finally {
    relay.close();
    await postgres.stop();
    rmSync(root, { recursive: true, force: true });
  }
});

/** A pipeline deeper than the machine holds, answered in pieces; an error in its midst when asked for. */
function deepTape(fails: boolean): JournalBuilder {
  const tape = new JournalBuilder(makeSpool().journalDir, { fileBytesMax: 64 << 20 });
  const pairs = 60_000;
  tape.begin(1);
  tape.client(1, say.parse('s', 'select $1'));
  for (let sent = 0; sent < pairs; sent += 10_000) {
    const parts: Buffer[] = [];
    for (let i = 0; i < 10_000; i += 1) parts.push(say.bind('s', [String(sent + i)]), say.execute);
    tape.client(1, ...parts);
    tape.turn();
  }
  tape.client(1, say.sync, say.query('select 2'));
  tape.turn();
  tape.server(1, say.parseComplete);
  const answered = fails ? 500 : pairs;
  for (let done = 0; done < answered; done += 500) {
    const parts: Buffer[] = [];
    for (let i = 0; i < 500; i += 1) parts.push(say.bindComplete, say.complete('SELECT 1'));
    tape.server(1, ...parts);
    tape.turn();
  }
  if (fails) tape.server(1, say.error('22012', 'division by zero'));
  tape.server(1, say.ready('I'), say.complete('SELECT 1'), say.ready('I'));
  tape.turn();
  tape.close(1);
  tape.end();
  return tape;
}

it.each([
  { name: 'that succeeds', fails: false },
  { name: 'that fails: what follows the error is skipped, message by message', fails: true },
])('pipeline_beyond_tokens $name: the same records with and without restarts', ({ fails }) => {
  const { dir } = deepTape(fails);
  const whole = decode(dir);
  expect(gapsOf(whole)).toEqual([]);
  expect(countOf(whole)).toBe(60_001 + (fails ? 1 : 0));
  const lines = sealedLines(dir, Number.POSITIVE_INFINITY);
  expect(lines).toHaveLength(whole.length);
  expect(sealedLines(dir, 700_000)).toEqual(lines);
});
