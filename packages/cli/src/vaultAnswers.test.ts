import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeIo, runFake } from './fakeIo.testing.ts';
import { well } from './vaultStatus.testing.ts';

const hold = {
  hold: 'ab'.repeat(16),
  case: 'case 7',
  reason: 'court order',
  who: 'olga',
  at: '1795212000000000000',
  scope: { user: 'anna' },
  dual_control: false,
  state: 'active',
  notes: [],
  objects: 2,
  objects_seen: 2,
  release: null,
};

const status = { ...well, log: { ...well.log, checkpoint_at: null, checkpoint_age_ms: null } };

const extended = { objects: 3, extended: 2, unchanged: 1, until: '1895212000000000000' };

const commands = {
  status: { args: ['status', '-o', 'json'], answer: status },
  'hold list': { args: ['hold', 'list', '-o', 'json'], answer: { holds: [hold] } },
  'retention extend': {
    args: ['retention', 'extend', '--older-than', '1d', '--days', '9', '--reason', 'r', '-o', 'json'],
    answer: extended,
  },
} as const;
type Named = keyof typeof commands;
const names = Object.keys(commands) as Named[];

describe('what a vault answers', () => {
  let server: Server;
  let answer: unknown;
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  const asked = (name: Named, given: unknown): Promise<FakeIo> => {
    answer = given;
    const { port } = server.address() as AddressInfo;
    return runFake([...commands[name].args, '--vault', `http://127.0.0.1:${port}`], { cwd: '/' });
  };

  it.each(names)('%s takes what it is to be, and what a newer vault says beside it', async (name) => {
    const plain = await asked(name, commands[name].answer);
    expect([plain.code, plain.err.text]).toEqual([0, '']);
    const newer = await asked(name, { ...commands[name].answer, novelty: { of: 'a newer vault' } });
    expect([newer.code, newer.err.text]).toEqual([0, '']);
  });

  const rows = names.flatMap((name) => {
    const sound: Record<string, unknown> = commands[name].answer;
    return [
      { name, what: 'null', given: null as unknown },
      { name, what: 'a list', given: [] },
      { name, what: 'a text', given: 'ok' },
      ...Object.keys(sound).flatMap((field) => [
        { name, what: `an answer without ${field}`, given: { ...sound, [field]: undefined } },
        { name, what: `an odd ${field}`, given: { ...sound, [field]: { odd: -1 } } },
      ]),
    ];
  });
  it.each(rows)('$name refuses $what', async ({ name, given }) => {
    const io = await asked(name, given);
    expect([io.code, io.out.text]).toEqual([3, '']);
    expect(io.err.text).toContain('[VAULT_STRANGE]');
  });

  it.each([
    { what: 'a state that there is not', make: { ...hold, state: 'frozen' } },
    { what: 'an id that is none', make: { ...hold, hold: '../../etc' } },
    { what: 'a time that is none', make: { ...hold, at: 'now' } },
    { what: 'a scope that is none', make: { ...hold, scope: { user: 7 } } },
  ])('hold list refuses a hold with $what', async ({ make }) => {
    const io = await asked('hold list', { holds: [make] });
    expect([io.code, io.err.text.includes('[VAULT_STRANGE]')]).toEqual([3, true]);
  });
});
