import { encodeExportReply, grpcCode } from '@pgtape/otlp';
import { type ForwardClient, Forwarder } from './forwarder.ts';

type Answer = { code: number; reply?: Uint8Array } | 'hangs' | 'throws';

class Backend implements ForwardClient {
  readonly #answers: Answer[];
  readonly got: number[] = [];
  closed = false;
  constructor(answers: Answer[]) {
    this.#answers = answers;
  }
  async unary(
    _path: string,
    message: Uint8Array,
  ): Promise<{ code: number; message: string; reply: Uint8Array }> {
    const answer = this.#answers.shift() ?? { code: grpcCode.ok };
    if (answer === 'hangs') return await new Promise(() => undefined);
    if (answer === 'throws') throw new Error('gone');
    this.got.push(message.length);
    return { code: answer.code, message: 'said', reply: answer.reply ?? new Uint8Array() };
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function forwarding(answers: Answer[], queueBytesMax = 100) {
  const events: string[] = [];
  const waits: number[] = [];
  const backend = new Backend(answers);
  const forwarder = new Forwarder({
    client: backend,
    events: {
      forwarded: (bytes) => void events.push(`forwarded ${bytes}`),
      dropped: (reason) => void events.push(`dropped ${reason}`),
      failed: (detail) => void events.push(`failed ${detail}`),
    },
    queueBytesMax,
    timeoutMs: 1000,
    backoffMs: { first: 100, max: 400 },
    graceMs: 7,
    sleep: async (ms, wake) => {
      waits.push(ms);
      if (ms === 7) await new Promise((resolve) => setTimeout(resolve, 20));
      else if (!wake.aborted) await new Promise((resolve) => setImmediate(resolve));
    },
    random: () => 1,
  });
  return { forwarder, events, waits, backend };
}

const bytes = (count: number): Uint8Array => new Uint8Array(count);
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !done(); i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('Forwarder', () => {
  it('sends in order', async () => {
    const { forwarder, backend, events } = forwarding([]);
    for (const count of [1, 2, 3]) forwarder.offer(bytes(count));
    await until(() => backend.got.length === 3);
    expect(backend.got).toEqual([1, 2, 3]);
    expect(events).toEqual(['forwarded 1', 'forwarded 2', 'forwarded 3']);
    expect(forwarder.queueBytes).toBe(0);
    forwarder.offer(bytes(4));
    await until(() => backend.got.length === 4);
    expect(backend.got).toEqual([1, 2, 3, 4]);
  });

  it.each([
    { name: 'unavailable', answer: { code: grpcCode.unavailable } },
    { name: 'deadline exceeded', answer: { code: grpcCode.deadlineExceeded } },
    { name: 'resource exhausted', answer: { code: grpcCode.resourceExhausted } },
    { name: 'a broken client', answer: 'throws' as const },
  ])('comes again after $name, waiting longer each time', async ({ answer }) => {
    const { forwarder, backend, waits, events } = forwarding([answer, answer, answer, answer]);
    forwarder.offer(bytes(5));
    await until(() => events.includes('forwarded 5'));
    expect(backend.got.at(-1)).toBe(5);
    expect(waits).toEqual([100, 200, 400, 400]);
    expect(events.filter((event) => event.startsWith('failed')).length).toBe(4);
  });

  it.each([
    { name: 'invalid argument', answer: { code: grpcCode.invalidArgument } },
    { name: 'unimplemented', answer: { code: grpcCode.unimplemented } },
    {
      name: 'partial success',
      answer: { code: grpcCode.ok, reply: encodeExportReply({ count: 2, message: 'no' }) },
    },
  ])('drops and counts what is rejected: $name', async ({ answer }) => {
    const { forwarder, events } = forwarding([answer]);
    forwarder.offer(bytes(5));
    forwarder.offer(bytes(6));
    await until(() => events.length === 2);
    expect(events).toEqual(['dropped forward_rejected', 'forwarded 6']);
  });

  it('drops and counts what does not fit, the newest first', async () => {
    const { forwarder, events } = forwarding(['hangs'], 100);
    forwarder.offer(bytes(60));
    forwarder.offer(bytes(40));
    forwarder.offer(bytes(1));
    expect(forwarder.queueBytes).toBe(100);
    expect(events).toEqual(['dropped forward_queue_full']);
    await forwarder.close();
  });

  it('ends though the endpoint hangs', async () => {
    const { forwarder, backend, events } = forwarding(['hangs']);
    forwarder.offer(bytes(1));
    forwarder.offer(bytes(2));
    await forwarder.close();
    forwarder.offer(bytes(3));
    expect(events).toEqual(['dropped closing', 'dropped closing', 'dropped closing']);
    expect([backend.closed, forwarder.queueBytes]).toEqual([true, 0]);
  });

  it('ends though the endpoint is never there', async () => {
    const { forwarder, events } = forwarding(Array.from({ length: 100_000 }, () => ({ code: 14 })));
    forwarder.offer(bytes(1));
    await forwarder.close();
    const failures = events.filter((event) => event.startsWith('failed')).length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(events.filter((event) => event.startsWith('failed')).length).toBeLessThanOrEqual(failures + 1);
    expect(events).toContain('dropped closing');
  });

  it('sends what waits before it ends', async () => {
    const { forwarder, backend } = forwarding([]);
    for (const count of [1, 2, 3]) forwarder.offer(bytes(count));
    await forwarder.close();
    expect(backend.got).toEqual([1, 2, 3]);
  });
});
