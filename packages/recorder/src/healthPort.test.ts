/** That health is had as soon as its port is free, how often it is tried, and that what happened is told. */
import { createServer, type Server } from 'node:net';
import { HealthPort } from './healthPort.ts';

interface Said {
  readonly event: string;
  readonly reason?: string;
}

let taken: Server | null = null;
let port: HealthPort | null = null;

afterEach(async () => {
  await port?.close();
  port = null;
  await released();
});

async function released(): Promise<void> {
  const server = taken;
  taken = null;
  if (server !== null) await new Promise((resolve) => server.close(resolve));
}

async function takenPort(): Promise<number> {
  const server = createServer();
  taken = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

function made(health: { host: string; port: number } | undefined, isInPod = true) {
  const at = { now: 0 };
  const said: Said[] = [];
  const log = {
    info: (fields: object) => said.push(fields as Said),
    warn: (fields: object) => said.push(fields as Said),
  };
  const made = new HealthPort({
    config: {
      ...(health === undefined ? {} : { health }),
      ...(isInPod ? { capture: { mode: 'AddressSwap', port: 5432 } } : {}),
    },
    log,
    now: () => at.now,
    shown: { ready: () => ({ ok: true, reasons: [] }), metrics: async () => '' },
  });
  port = made;
  return { made, at, said };
}

describe('HealthPort', () => {
  it('tries a taken port again, each time after twice as long, and has it once it is free', async () => {
    const { made: health, at, said } = made({ host: '127.0.0.1', port: await takenPort() });
    await health.open();
    const tries: number[] = [];
    for (at.now = 0; at.now < 125_000; at.now += 1000) {
      const before = health.facts.failures.health_port_taken ?? 0;
      await health.tick();
      if ((health.facts.failures.health_port_taken ?? 0) > before) tries.push(at.now / 1000);
    }
    expect(tries).toEqual([1, 3, 7, 15, 31, 61, 91, 121]);
    expect([health.place, health.facts]).toEqual([
      null,
      { reason: 'health_port_taken', failures: { health_port_taken: 9 }, absentSeconds: 125 },
    ]);
    await released();
    at.now = 150_000;
    await health.tick();
    expect(health.place).toBeNull();
    at.now = 151_000;
    await health.tick();
    const { ok } = await fetch(`http://127.0.0.1:${health.place?.port}/livez`);
    at.now = 999_000;
    await health.tick();
    expect([ok, health.facts]).toEqual([
      true,
      { reason: 'health_port_taken', failures: { health_port_taken: 9 }, absentSeconds: 151 },
    ]);
    // Once each, however often it was tried.
    expect(said).toEqual([
      { event: 'health_absent', reason: 'health_port_taken' },
      { event: 'health_present' },
    ]);
  });

  it.each([
    { host: '192.0.2.1', reason: 'health_address_absent' },
    { host: 'fe80::1', reason: 'health_port_unusable' },
  ])('says why it has none at $host: $reason', async ({ host, reason }) => {
    const { made: health } = made({ host, port: 0 });
    await health.open();
    expect(health.facts).toEqual({ reason, failures: { [reason]: 1 }, absentSeconds: 0 });
  });

  it('says nothing where it was had at once, or was not asked for', async () => {
    const had = made({ host: '127.0.0.1', port: 0 });
    await had.made.open();
    const none = made(undefined);
    await none.made.open();
    await none.made.tick();
    const well = { reason: null, failures: {}, absentSeconds: 0 };
    expect([had.made.facts, none.made.facts, none.made.place, had.said, none.said]).toEqual([
      well,
      well,
      null,
      [],
      [],
    ]);
    await had.made.close();
  });

  it('keeps a recorder outside of a pod from starting', async () => {
    const { made: health } = made({ host: '127.0.0.1', port: await takenPort() }, false);
    await expect(health.open()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('leaves nothing listening when it is closed while it tries', async () => {
    const { made: health, at } = made({ host: '127.0.0.1', port: await takenPort() });
    await health.open();
    await released();
    at.now = 5000;
    const trying = health.tick();
    await health.close();
    await trying;
    const place = health.place;
    await expect(fetch(`http://127.0.0.1:${place?.port}/livez`)).rejects.toThrow();
    at.now = 500_000;
    await health.tick();
    expect(health.place).toEqual(place);
  });
});
