import fc from 'fast-check';
import { cpuMs } from './cpuTime.testing.ts';
import { redactEcho, redactSecrets } from './secrets.ts';
import { spacedSqlText, sqlText } from './texts.testing.ts';

const R = "'[redacted]'";

const secret = 'Zq7sEcReT';
const blank = fc.constantFrom(
  ' ',
  '\n',
  '\t',
  '/* c */',
  "/* it's */",
  '-- c\n',
  ' -- "\n ',
  '/* /* n */ */',
);
const quoted = fc.constantFrom(
  `'${secret}'`,
  `'a''${secret}'`,
  `E'\\'${secret}'`,
  `$$'${secret}$$`,
  `$t$$$${secret}$t$`,
  `U&'\\0041${secret}'`,
  `N'${secret}'`,
  `'x'\n'${secret}'`,
  `'${secret}`,
);
const option = fc.constantFrom(
  'LOGIN',
  'CREATEDB',
  "VALID UNTIL 'infinity'",
  'CONNECTION LIMIT 5',
  'IN ROLE a, "b c"',
  'WITH',
  'INHERIT',
);
const prefix = fc.constantFrom(
  '',
  'SELECT 1; ',
  "SELECT 'it''s', $$'$$; ",
  '-- c\n',
  "/* ' */",
  ';;',
  "INSERT INTO t VALUES (E'\\\\'); ",
);
const cased = (word: string) =>
  fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map((upper) => [...word].map((letter, at) => (upper[at] ? letter.toUpperCase() : letter)).join(''));

describe('redactSecrets on any text', () => {
  it('finds a planted password wherever it stands, and changes nothing else', () => {
    const parts = fc.tuple(
      prefix,
      cased('alter'),
      fc.constantFrom('ROLE', 'user', 'Group'),
      fc.constantFrom('bob', '"b ""b"', 'password', 'U&"x"'),
      fc.array(option, { maxLength: 3 }),
      cased('password'),
      quoted,
      fc.array(blank, { minLength: 4, maxLength: 4 }),
    );
    fc.assert(
      fc.property(parts, ([before, verb, object, name, options, keyword, literal, blanks]) => {
        const start = `${before}${verb}${blanks[0]}${object}${blanks[1]}${name}${blanks[2]}`;
        const head = `${start}${options.join(' ')} ${keyword}${blanks[3]}`;
        const sql = `${head}${literal}`;
        expect(redactSecrets(sql)).toEqual({ sql: head + R, redacted: ['password'] });
        const nested = `DO $body$ BEGIN ${sql}; END $body$`;
        expect(redactSecrets(nested).sql).not.toContain(secret);
        expect(redactSecrets(`EXECUTE '${sql.replaceAll("'", "''")}'`).sql).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws, and says that it changed something exactly when it did', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), sqlText, spacedSqlText),
        fc.boolean(),
        (sql, conforming) => {
          const options = { standardConformingStrings: conforming };
          const once = redactSecrets(sql, options);
          expect(once.redacted.length > 0).toBe(once.sql !== sql);
          expect(new Set(once.redacted).size).toBe(once.redacted.length);
          redactEcho(sql, sql, options);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    { name: 'literals', text: `SELECT ${"'a''b',".repeat(100_000)} password` },
    { name: 'escapes', text: "E'\\n',".repeat(150_000) },
    { name: 'passwords', text: "PASSWORD 'x',".repeat(80_000) },
    { name: 'open comments', text: `password ${'/*'.repeat(500_000)}` },
    { name: 'parentheses', text: `OPTIONS ${'('.repeat(1_000_000)}` },
    { name: 'dollar tags', text: `password ${'$a$ $b '.repeat(150_000)}` },
    { name: 'quotes within quotes', text: `SELECT '${"''''password ".repeat(80_000)}'` },
    { name: 'formats', text: "'ALTER ROLE x PASSWORD %L',".repeat(40_000) },
    {
      name: 'formats, nested',
      text: `DO $a$ ${"$b$ 'ALTER ROLE x PASSWORD %L', 'y' $b$,".repeat(25_000)} $a$`,
    },
    { name: 'unicode strings', text: `uescape ${"U&'a' ".repeat(160_000)}` },
    { name: 'blanks', text: `password${' '.repeat(1_000_000)}=` },
    { name: 'comments with passwords', text: '/* password */'.repeat(70_000) },
    { name: 'one comment', text: `/* ${'password '.repeat(110_000)}` },
    { name: 'URIs', text: `SELECT '${'postgres://a:b'.repeat(70_000)}'` },
  ])('is linear: $name', ({ text }) => {
    expect(cpuMs(() => redactSecrets(text))).toBeLessThan(2_000);
  });
});

describe('redactEcho', () => {
  it.each([
    {
      name: 'quoted word',
      sql: 'ALTER ROLE b PASSWORD "s3cret"',
      text: 'syntax error at or near ""s3cret""',
      want: 'syntax error at or near "[redacted]"',
    },
    {
      name: 'bare word',
      sql: 'ALTER ROLE b PASSWORD s3cret!x',
      text: 'syntax error at or near "s3cret"',
      want: 'syntax error at or near "[redacted]"',
    },
    {
      name: 'open literal',
      sql: "ALTER ROLE b PASSWORD 's3cret",
      text: 'unterminated quoted string at or near "\'s3cret"',
      want: 'unterminated quoted string at or near "\'[redacted]"',
    },
    {
      name: 'short',
      sql: "ALTER ROLE b PASSWORD 'a' x",
      text: 'a: near "\'a\'"',
      want: 'a: near "\'[redacted]\'"',
    },
    {
      name: 'part of a connection string',
      sql: "SELECT dblink_connect('host=h password=s3cret')",
      text: 'bad s3cret',
      want: 'bad [redacted]',
    },
    {
      name: 'unescaped',
      sql: "ALTER ROLE b PASSWORD 'it''s3cret'",
      text: "bad it's3cret",
      want: 'bad [redacted]',
    },
    {
      name: 'nothing of it',
      sql: "ALTER ROLE b PASSWORD 's3cret'",
      text: 'role "b" does not exist',
      want: null,
    },
    { name: 'no secret', sql: 'SELECT 1', text: 'x', want: null },
  ])('$name', ({ sql, text, want }) => {
    expect(redactEcho(text, sql)).toBe(want);
  });
});
