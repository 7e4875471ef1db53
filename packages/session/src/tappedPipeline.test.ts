/** What a real PostgreSQL does with pipelines where versions and expectations differ, and what the tape says of it. */
import { message as m, type RawClient, testPostgresMajor } from '@pgtape/testkit';
import { short } from './script.testing.ts';
import { TappedPostgres, type TappedSession } from './tappedPostgres.testing.ts';

let postgres: TappedPostgres;
let session: TappedSession;
let client: RawClient;

beforeAll(async () => {
  postgres = await TappedPostgres.start();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  session = await postgres.tap();
  client = await postgres.client(session);
});

/** The answer's tags up to so many ReadyForQuery, which show their status. */
async function answer(readies: number, ...messages: readonly Buffer[]): Promise<string> {
  client.send(...messages);
  let tags = '';
  for (let left = readies; left > 0; ) {
    const { tag, body } = await client.take();
    tags += tag === 'Z' ? `Z${body.toString()}` : tag;
    if (tag === 'E') tags += `(${/\0C(\w{5})/.exec(body.toString('latin1'))?.[1]})`;
    if (tag === 'Z') left -= 1;
  }
  return tags;
}

const told = (): string[] =>
  session.records.filter(({ kind }) => kind === 'statement' || kind === 'transaction').map(short);

/** Servers before it answer otherwise; the tape of both is in the model check. */
const describeOn18 = testPostgresMajor >= 18 ? describe : describe.skip;

describeOn18('pipelines of PostgreSQL 18', () => {
  it('a Query behind un-synced Executes answers T; the Sync answers I without a commit, the next command rolls back', async () => {
    expect(await answer(1, m.query('CREATE TABLE carried (a int)'))).toBe('CZI');
    const insert = [m.parse('', 'INSERT INTO carried VALUES (1)'), m.bind('', ''), m.execute('')];
    expect(await answer(2, ...insert, m.query('SELECT 1'), m.sync())).toBe('12CTDCZTZI');
    expect(await answer(1, m.query('SELECT count(*) FROM carried'))).toBe('E(XX000)ZI');
    expect(await answer(1, m.query('SELECT a FROM carried'))).toBe('TCZI');
    await client.end();
    expect(told()).toEqual([
      '2 completed query [CREATE TABLE carried (a int)] <CREATE TABLE> exact II committed',
      '3 completed execute [INSERT INTO carried VALUES (1)] <INSERT 0 1> I-',
      '4 completed query [SELECT 1] <SELECT 1> rows=1 -T',
      '5 tx unknown implicit 3-4',
      '6 failed query [SELECT count(*) FROM carried] XX000 exact II rolled_back',
      '7 completed query [SELECT a FROM carried] <SELECT 0> exact II committed',
    ]);
  });

  it('Close of a statement does not close its portals', async () => {
    const rows = 'SELECT g FROM generate_series(1, 3) g';
    expect(
      await answer(
        1,
        m.parse('s', rows),
        m.bind('p', 's'),
        m.execute('p', 1),
        m.close('S', 's'),
        m.execute('p', 1),
        m.sync(),
      ),
    ).toBe('12Ds3DsZI');
    await client.end();
    expect(told()).toEqual([
      `2 suspended execute [${rows}] rows=1 I-`,
      `3 suspended execute [${rows}] rows=1 continues 2 -I`,
      '4 tx committed implicit 2-3',
    ]);
  });

  it('a SET of a pipeline whose Sync fails is undone', async () => {
    const late = 'CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)';
    expect(await answer(1, m.query(`${late}; CREATE ROLE app; GRANT ALL ON late TO app`))).toBe('CCCZI');
    const twice = [m.parse('', 'INSERT INTO late VALUES (1), (1)'), m.bind('', ''), m.execute('')];
    const set = [m.parse('', 'SET ROLE app'), m.bind('', ''), m.execute('')];
    expect(await answer(1, ...set, ...twice, m.sync())).toMatch(/^12C12CE\(23505\)S*ZI$/);
    client.send(m.query('SELECT current_user'));
    const row = await (async () => {
      for (;;) {
        const { tag, body } = await client.take();
        if (tag === 'D') return body.subarray(6).toString();
      }
    })();
    await client.until('Z');
    await client.end();
    const roles = session.records.flatMap((draft) =>
      draft.kind === 'statement' ? [`${draft.sql}: ${draft.role}`] : [],
    );
    expect(roles.slice(3)).toEqual([
      'SET ROLE app: postgres',
      'INSERT INTO late VALUES (1), (1): app',
      `SELECT current_user: ${row}`,
    ]);
    expect(row).toBe('postgres');
  });
});
