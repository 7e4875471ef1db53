import { LiveTail, type TailOutput } from './liveTail.ts';

class Sink implements TailOutput {
  written = '';
  writableLength = 0;
  stuck = false;
  write(bytes: Uint8Array | string): void {
    this.written += Buffer.from(bytes).toString();
    if (this.stuck) this.writableLength += bytes.length;
  }
}

interface Head {
  readonly kind: string;
  readonly session?: string;
}

function text(...records: Head[]) {
  let at = 0;
  const lines: { start: number; end: number }[] = [];
  const parts = records.map((record) => {
    const line = Buffer.from(JSON.stringify(record));
    lines.push({ start: at, end: at + line.length });
    at += line.length + 1;
    return Buffer.concat([line, Buffer.from('\n')]);
  });
  return { text: Buffer.concat(parts), lines, records };
}

const opened = { kind: 'opened', session: 's-1' };
const statement = { kind: 'statement', session: 's-1', sql: 'SELECT ä' };
const other = { kind: 'statement', session: 's-2' };
const heartbeat = { kind: 'heartbeat' };
const all = text(opened, statement, other, heartbeat);
const lines = (...records: object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

describe('LiveTail', () => {
  it.each([
    { name: 'everything', filter: {}, seen: [opened, statement, other, heartbeat] },
    { name: 'a session', filter: { session: 's-1' }, seen: [opened, statement] },
    {
      name: 'kinds',
      filter: { kinds: new Set(['statement', 'heartbeat']) },
      seen: [statement, other, heartbeat],
    },
    { name: 'both', filter: { session: 's-1', kinds: new Set(['statement']) }, seen: [statement] },
    { name: 'nothing', filter: { session: 's-9' }, seen: [] },
  ])('gives a client the bytes it asked for: $name', ({ filter, seen }) => {
    const tail = new LiveTail(1000, () => undefined);
    const sink = new Sink();
    tail.join(sink, filter);
    tail.publish(all.text, all.lines, all.records);
    expect(sink.written).toBe(lines(...seen));
  });

  it('tells a slow client how many lines it missed, and slows nobody', () => {
    let missed = 0;
    const tail = new LiveTail(50, (count) => {
      missed += count;
    });
    const slow = new Sink();
    const quick = new Sink();
    slow.stuck = true;
    const client = tail.join(slow, {});
    tail.join(quick, {});
    for (let i = 0; i < 10; i += 1) {
      const one = text({ kind: 'statement', session: `${i}` });
      tail.publish(one.text, one.lines, one.records);
    }
    expect(quick.written.split('\n').length).toBe(11);
    expect(slow.written).toBe(lines({ kind: 'statement', session: '0' }));
    expect(missed).toBe(9);
    slow.stuck = false;
    slow.writableLength = 0;
    client.drained();
    client.drained();
    const next = text({ kind: 'opened' });
    tail.publish(next.text, next.lines, next.records);
    expect(slow.written).toBe(lines({ kind: 'statement', session: '0' }, { lagged: 9 }, { kind: 'opened' }));
  });

  it('lets a line longer than the whole buffer pass when nothing waits', () => {
    const tail = new LiveTail(5, () => undefined);
    const sink = new Sink();
    tail.join(sink, {});
    tail.publish(all.text, all.lines, all.records);
    expect(sink.written).toBe(all.text.toString());
  });

  it('forgets who left', () => {
    const tail = new LiveTail(1000, () => undefined);
    const sink = new Sink();
    const client = tail.join(sink, {});
    expect(tail.clients).toBe(1);
    client.leave();
    tail.publish(all.text, all.lines, all.records);
    expect([tail.clients, sink.written]).toEqual([0, '']);
  });

  it('gives bytes of its own', () => {
    const tail = new LiveTail(1000, () => undefined);
    const kept: Uint8Array[] = [];
    tail.join({ writableLength: 0, write: (bytes) => void kept.push(bytes as Uint8Array) }, {});
    const one = text(opened);
    tail.publish(one.text, one.lines, one.records);
    one.text.fill(0);
    expect(Buffer.from(kept[0] ?? []).toString()).toBe(lines(opened));
  });
});
