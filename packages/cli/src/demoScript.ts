/** What the three people of `pgtape demo` do: a story that shows what a tape holds. Only statements; runs nothing itself. */

export interface DemoStep {
  readonly who: 'dba' | 'analyst' | 'app';
  /** What to tell the person who watches; printed before the step. */
  readonly says: string;
  readonly sql: string;
  readonly params?: readonly (string | number | null)[];
  /** Name of a prepared statement to run it as. */
  readonly prepared?: string;
  /** SQLSTATE the step is meant to fail with. */
  readonly fails?: string;
}

/** Roles made by the first steps; passwords are drawn anew by the caller. */
export const demoRoles = ['ada_dba', 'grace_analyst', 'shop_app'] as const;

/** Statements the superuser runs first; `passwords` by role. Their literals do not reach the tape. */
export function preparation(passwords: Readonly<Record<(typeof demoRoles)[number], string>>): string[] {
  const quoted = (role: (typeof demoRoles)[number]): string => `'${passwords[role].replaceAll("'", "''")}'`;
  return [
    'DROP SCHEMA IF EXISTS shop CASCADE',
    ...demoRoles.map((role) => `DROP ROLE IF EXISTS ${role}`),
    `CREATE ROLE ada_dba LOGIN CREATEROLE PASSWORD ${quoted('ada_dba')}`,
    `CREATE ROLE grace_analyst LOGIN PASSWORD ${quoted('grace_analyst')}`,
    `CREATE ROLE shop_app LOGIN PASSWORD ${quoted('shop_app')}`,
    'GRANT grace_analyst TO ada_dba WITH ADMIN OPTION, INHERIT FALSE',
    'CREATE SCHEMA shop AUTHORIZATION ada_dba',
  ];
}

/** The story, in order; each person keeps one connection. */
export const demoStory: readonly DemoStep[] = [
  {
    who: 'dba',
    says: 'Ada creates the shop',
    sql: `CREATE TABLE shop.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer text NOT NULL,
  amount numeric(10,2) NOT NULL CHECK (amount > 0),
  note text,
  placed_at timestamptz NOT NULL DEFAULT now()
)`,
  },
  { who: 'dba', says: 'and grants access', sql: 'GRANT USAGE ON SCHEMA shop TO grace_analyst, shop_app' },
  {
    who: 'dba',
    says: '',
    sql: 'GRANT SELECT, INSERT, UPDATE ON shop.orders TO shop_app; GRANT SELECT ON shop.orders TO grace_analyst',
  },
  ...[
    ['Lovelace', 19.9, null],
    ['Hopper', 250, ''],
    ["O'Neil", 3.5, 'gift'],
  ].map(
    ([customer, amount, note], index): DemoStep => ({
      who: 'app',
      says: index === 0 ? 'the application takes orders with a prepared statement' : '',
      sql: 'INSERT INTO shop.orders (customer, amount, note) VALUES ($1, $2, $3) RETURNING id',
      params: [customer ?? null, amount ?? null, note ?? null],
      prepared: 'place_order',
    }),
  ),
  {
    who: 'app',
    says: 'one order is refused by a constraint',
    sql: 'INSERT INTO shop.orders (customer, amount, note) VALUES ($1, $2, $3) RETURNING id',
    params: ['Mallory', -1, null],
    prepared: 'place_order',
    fails: '23514',
  },
  {
    who: 'analyst',
    says: 'Grace reads the figures',
    sql: 'SELECT customer, sum(amount) AS total FROM shop.orders GROUP BY customer ORDER BY total DESC',
  },
  { who: 'analyst', says: 'tries what she may not', sql: 'DELETE FROM shop.orders', fails: '42501' },
  {
    who: 'analyst',
    says: 'and waits for a slow query',
    sql: 'SELECT pg_sleep(1.3), count(*) FROM shop.orders',
  },
  { who: 'dba', says: 'Ada begins a transaction', sql: 'BEGIN' },
  { who: 'dba', says: '', sql: 'UPDATE shop.orders SET amount = amount * 2' },
  { who: 'dba', says: 'thinks better of half of it', sql: 'SAVEPOINT before_delete' },
  { who: 'dba', says: '', sql: "DELETE FROM shop.orders WHERE customer = 'Hopper'" },
  { who: 'dba', says: '', sql: 'ROLLBACK TO before_delete' },
  { who: 'dba', says: 'and commits the rest', sql: 'COMMIT' },
  {
    who: 'dba',
    says: 'changes a password: the tape says so without the password',
    sql: "ALTER ROLE grace_analyst PASSWORD 'correct horse battery staple'",
  },
  { who: 'analyst', says: 'Grace looks again', sql: 'SELECT count(*), max(amount) FROM shop.orders' },
];
