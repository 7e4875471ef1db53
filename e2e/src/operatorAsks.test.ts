/** The questions that the operator asks a recorder in a pod, put to a real one that relays to a real PostgreSQL. */
import { recorderStatus, whoAnswers } from '@pgtape/operator';
import { withClient } from './probes.ts';
import { type Stack, startStack } from './stack.ts';

const never = new AbortController().signal;
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ recorder: { capture: { mode: 'NamedPort', port: 5432 } } });
});

afterAll(async () => {
  await stack?.stop();
});

describe('the operator asks a recorder', () => {
  it('and understands what it says of itself', async () => {
    await withClient({ connectionString: stack.url }, async (client) => await client.query('SELECT 1'));
    const place = { host: '127.0.0.1', port: stack.ports.health };
    const { answer } = await recorderStatus(place, 'e2e', never);
    expect(answer).toMatchObject({
      database: 'e2e',
      configHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      capture: { mode: 'NamedPort', listeners: [`127.0.0.1:${stack.ports.recorder}`] },
      spool: { full: null },
      sessions: { recorded: 1 },
    });
    expect(await recorderStatus(place, 'shop/orders', never)).toEqual({
      answer: null,
      problem: 'other_database',
    });
  });

  it('who answers: the recorder on its port, another on that of PostgreSQL; the tape shows no session for it', async () => {
    const place = { host: '127.0.0.1', port: stack.ports.health };
    const at = (port: number): Promise<string> => whoAnswers('127.0.0.1', port, place, never);
    const postgres = Number(new URL(stack.directUrl).port);
    expect([await at(stack.ports.recorder), await at(postgres)]).toEqual(['recorder', 'another']);
    await stack.settle();
    const opened = stack.records().filter(({ kind }) => kind === 'opened' || kind === 'closed');
    expect(opened.map(({ kind, user, why }) => `${kind} ${user ?? why}`)).toEqual([
      'opened postgres',
      'closed terminated',
    ]);
  });
});
