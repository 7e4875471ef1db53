import { redactSecrets } from './secrets.ts';

const R = "'[redacted]'";

describe('redactSecrets: password', () => {
  it.each([
    { name: 'alter role', sql: "ALTER ROLE b PASSWORD 'x'", want: `ALTER ROLE b PASSWORD ${R}` },
    {
      name: 'create user',
      sql: "Create User b With Encrypted PassWord 'x' LOGIN",
      want: `Create User b With Encrypted PassWord ${R} LOGIN`,
    },
    {
      name: 'group',
      sql: "CREATE GROUP g UNENCRYPTED PASSWORD 'x'",
      want: `CREATE GROUP g UNENCRYPTED PASSWORD ${R}`,
    },
    {
      name: 'any order',
      sql: "ALTER USER b VALID UNTIL 'infinity' PASSWORD 'x' CREATEDB",
      want: `ALTER USER b VALID UNTIL 'infinity' PASSWORD ${R} CREATEDB`,
    },
    {
      name: 'comments between',
      sql: "ALTER ROLE b PASSWORD/* a'b */-- c\n'x'",
      want: `ALTER ROLE b PASSWORD/* a'b */-- c\n${R}`,
    },
    {
      name: 'no blanks',
      sql: "ALTER ROLE b CONNECTION LIMIT 1PASSWORD'x'",
      want: `ALTER ROLE b CONNECTION LIMIT 1PASSWORD${R}`,
    },
    {
      name: 'escape string',
      sql: "ALTER ROLE b PASSWORD E'x\\'y' LOGIN",
      want: `ALTER ROLE b PASSWORD ${R} LOGIN`,
    },
    {
      name: 'unicode string',
      sql: "ALTER ROLE b PASSWORD U&'!0078' UESCAPE '!'",
      want: `ALTER ROLE b PASSWORD ${R} UESCAPE '!'`,
    },
    {
      name: 'dollars',
      sql: 'ALTER ROLE b PASSWORD $a$x$$y$a$ LOGIN',
      want: `ALTER ROLE b PASSWORD ${R} LOGIN`,
    },
    {
      name: 'continued',
      sql: "ALTER ROLE b PASSWORD 'x'\n-- c\n'y' LOGIN",
      want: `ALTER ROLE b PASSWORD ${R} LOGIN`,
    },
    {
      name: 'a literal too many',
      sql: "ALTER ROLE b PASSWORD 'x' 'y'",
      want: `ALTER ROLE b PASSWORD ${R} ${R}`,
    },
    { name: 'open', sql: "ALTER ROLE b PASSWORD 'x LOGIN; SELECT 1", want: `ALTER ROLE b PASSWORD ${R}` },
    { name: 'open dollar', sql: 'ALTER ROLE b PASSWORD $$x', want: `ALTER ROLE b PASSWORD ${R}` },
    {
      name: 'verifier',
      sql: "ALTER USER b PASSWORD 'SCRAM-SHA-256$4096:cw==$c2s=:c2s='",
      want: `ALTER USER b PASSWORD ${R}`,
    },
    {
      name: 'several statements',
      sql: "BEGIN; CREATE ROLE a PASSWORD 'x'; ALTER ROLE b PASSWORD 'y'; COMMIT",
      want: `BEGIN; CREATE ROLE a PASSWORD ${R}; ALTER ROLE b PASSWORD ${R}; COMMIT`,
    },
    {
      name: 'quoted word by mistake',
      sql: 'ALTER ROLE b PASSWORD "x y" LOGIN',
      want: `ALTER ROLE b PASSWORD ${R} LOGIN`,
    },
    {
      name: 'bare word by mistake',
      sql: 'ALTER ROLE b PASSWORD x#$1! LOGIN',
      want: `ALTER ROLE b PASSWORD ${R} LOGIN`,
    },
    {
      name: 'symbols by mistake',
      sql: 'ALTER ROLE b PASSWORD !x; SELECT 1',
      want: `ALTER ROLE b PASSWORD ${R}; SELECT 1`,
    },
    {
      name: 'bare word with a quote',
      sql: "ALTER ROLE b PASSWORD x'y z w",
      want: `ALTER ROLE b PASSWORD ${R}`,
    },
    { name: 'number by mistake', sql: 'ALTER ROLE b PASSWORD 12345;', want: `ALTER ROLE b PASSWORD ${R};` },
    { name: 'equals by mistake', sql: "ALTER ROLE b PASSWORD = 'x'", want: `ALTER ROLE b PASSWORD = ${R}` },
    { name: 'to by mistake', sql: "ALTER ROLE b PASSWORD TO 'x'", want: `ALTER ROLE b PASSWORD TO ${R}` },
    {
      name: 'other dialect',
      sql: "CREATE USER b IDENTIFIED BY 'x'",
      want: `CREATE USER b IDENTIFIED BY ${R}`,
    },
    {
      name: 'a role named password',
      sql: "ALTER ROLE password PASSWORD 'x'",
      want: `ALTER ROLE password PASSWORD ${R}`,
    },
    {
      name: 'in a line comment',
      sql: "-- ALTER ROLE b PASSWORD 'x'\nSELECT 1",
      want: '--[redacted]\nSELECT 1',
    },
    {
      name: 'in a comment with an odd quote',
      sql: "/* don't use password 'x' */ SELECT 1",
      want: '/*[redacted]*/ SELECT 1',
    },
    { name: 'in an open comment', sql: "SELECT 1 /* password: 'x'", want: 'SELECT 1 /*[redacted]' },
  ])('$name', ({ sql, want }) => {
    expect(redactSecrets(sql)).toEqual({ sql: want, redacted: ['password'] });
  });

  it('follows standard_conforming_strings', () => {
    const sql = "ALTER ROLE b PASSWORD 'it\\'s x' LOGIN";
    expect(redactSecrets(sql, { standardConformingStrings: false })).toEqual({
      sql: `ALTER ROLE b PASSWORD ${R} LOGIN`,
      redacted: ['password'],
    });
  });
});

describe('redactSecrets: SQL in SQL', () => {
  it.each([
    {
      name: 'execute in do',
      sql: "DO $$ BEGIN EXECUTE 'ALTER ROLE b PASSWORD ''x'' LOGIN'; END $$",
      want: "DO $$ BEGIN EXECUTE 'ALTER ROLE b PASSWORD ''[redacted]'' LOGIN'; END $$",
    },
    {
      name: 'plain in do',
      sql: "DO 'BEGIN ALTER ROLE b PASSWORD ''x''; END'",
      want: "DO 'BEGIN ALTER ROLE b PASSWORD ''[redacted]''; END'",
    },
    {
      name: 'function body',
      sql: 'CREATE FUNCTION f() RETURNS void AS $f$ ALTER ROLE b PASSWORD $p$x$p$ $f$ LANGUAGE sql',
      want: `CREATE FUNCTION f() RETURNS void AS $f$ ALTER ROLE b PASSWORD ${R} $f$ LANGUAGE sql`,
    },
    {
      name: 'three deep',
      sql: "DO $a$ BEGIN EXECUTE $b$ DO $c$ BEGIN ALTER ROLE b PASSWORD 'x'; END $c$ $b$; END $a$",
      want: `DO $a$ BEGIN EXECUTE $b$ DO $c$ BEGIN ALTER ROLE b PASSWORD ${R}; END $c$ $b$; END $a$`,
    },
    {
      name: 'deeper: the whole literal',
      sql: "DO $a$ $b$ $c$ $d$ ALTER ROLE b PASSWORD 'x' $d$ $c$ $b$ $a$",
      want: `DO $a$ $b$ $c$ ${R} $c$ $b$ $a$`,
    },
    {
      name: 'hidden by escapes: the whole literal',
      sql: "EXECUTE E'ALTER ROLE b P\\x41SSWORD ''x'''",
      want: `EXECUTE ${R}`,
    },
    {
      name: 'hidden by unicode escapes',
      sql: "EXECUTE U&'ALTER ROLE b P!0041SSWORD ''x''' UESCAPE '!'",
      want: `EXECUTE ${R} UESCAPE '!'`,
    },
    {
      name: 'continued: the whole literal',
      sql: "EXECUTE 'ALTER ROLE b'\n' PASSWORD ''x'''",
      want: `EXECUTE ${R}`,
    },
    {
      name: 'gexec',
      sql: "SELECT 'ALTER ROLE b PASSWORD ''x'''",
      want: "SELECT 'ALTER ROLE b PASSWORD ''[redacted]'''",
    },
    {
      name: 'format',
      sql: "SELECT format('ALTER ROLE %I PASSWORD %L', 'b', 'x')",
      want: `SELECT format('ALTER ROLE %I PASSWORD %L', ${R}, ${R})`,
    },
    {
      name: 'format with quotes',
      sql: "SELECT format('ALTER ROLE b PASSWORD ''%s''', 'x')",
      want: `SELECT format('ALTER ROLE b PASSWORD ''[redacted]''', ${R})`,
    },
    {
      name: 'variable in do',
      sql: "DO $$ DECLARE p text := 'x'; BEGIN EXECUTE format('ALTER ROLE b PASSWORD %L', p); END $$",
      want: `DO $$ DECLARE p text := ${R}; BEGIN EXECUTE format('ALTER ROLE b PASSWORD %L', p); END $$`,
    },
    {
      name: 'concatenation',
      sql: "SELECT 'ALTER ROLE b PASSWORD ' || quote_literal('x')",
      want: `SELECT 'ALTER ROLE b PASSWORD ' || quote_literal(${R})`,
    },
    {
      name: 'concatenated options',
      sql: "SELECT 'ALTER ROLE ' || r || ' LOGIN PASSWORD ' || quote_literal('x')",
      want: `SELECT ${R} || r || ' LOGIN PASSWORD ' || quote_literal(${R})`,
    },
    {
      name: 'concatenated within quotes',
      sql: "SELECT 'ALTER ROLE b PASSWORD ''' || 'x' || ''''",
      want: `SELECT 'ALTER ROLE b PASSWORD ''[redacted]''' || ${R} || ${R}`,
    },
  ])('$name', ({ sql, want }) => {
    const got = redactSecrets(sql);
    expect(got.sql).toBe(want);
    expect(got.redacted).toEqual(['password']);
  });
});

describe('redactSecrets: user_mapping', () => {
  it.each([
    {
      name: 'create',
      sql: "CREATE USER MAPPING FOR b SERVER s OPTIONS (user 'u', password 'x')",
      want: `CREATE USER MAPPING FOR b SERVER s OPTIONS (user 'u', password ${R})`,
    },
    {
      name: 'alter',
      sql: "ALTER USER MAPPING FOR b SERVER s OPTIONS (SET password $$x$$, ADD user 'u')",
      want: `ALTER USER MAPPING FOR b SERVER s OPTIONS (SET password ${R}, ADD user 'u')`,
    },
    {
      name: 'quoted key',
      sql: "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\"API_Token\" 'x', host 'h')",
      want: `CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS ("API_Token" ${R}, host 'h')`,
    },
    {
      name: 'unicode key',
      sql: 'CREATE SERVER s OPTIONS (U&"\\0070asswd" \'x\')',
      want: `CREATE SERVER s OPTIONS (U&"\\0070asswd" ${R})`,
    },
    {
      name: 'many keys',
      sql: "ALTER SERVER s OPTIONS (secret_access_key 'x', key 'x', keyspace 'k', pwd 'x')",
      want: `ALTER SERVER s OPTIONS (secret_access_key ${R}, key ${R}, keyspace 'k', pwd ${R})`,
    },
    {
      name: 'comments',
      sql: "CREATE SERVER s OPTIONS/*a*/(/*b*/password/*c*/'x')",
      want: `CREATE SERVER s OPTIONS/*a*/(/*b*/password/*c*/${R})`,
    },
  ])('$name', ({ sql, want }) => {
    expect(redactSecrets(sql)).toEqual({ sql: want, redacted: ['user_mapping'] });
  });
});

describe('redactSecrets: connection_string', () => {
  it.each([
    {
      name: 'subscription',
      sql: "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p",
      want: `CREATE SUBSCRIPTION s CONNECTION ${R} PUBLICATION p`,
    },
    {
      name: 'alter subscription',
      sql: "alter subscription s connection E'host=h'",
      want: `alter subscription s connection ${R}`,
    },
    {
      name: 'dblink_connect',
      sql: "SELECT dblink_connect('c', 'host=h user=u')",
      want: `SELECT dblink_connect('c', ${R})`,
    },
    {
      name: 'qualified and quoted',
      sql: 'SELECT public."dblink_connect_u"(\'host=h\')',
      want: `SELECT public."dblink_connect_u"(${R})`,
    },
    {
      name: 'dblink',
      sql: "SELECT * FROM dblink('dbname=d', 'SELECT 1') AS t(a int)",
      want: `SELECT * FROM dblink(${R}, 'SELECT 1') AS t(a int)`,
    },
    {
      name: 'dblink with a URI',
      sql: "SELECT dblink_exec(('postgres://h/d'), 'DELETE FROM t')",
      want: `SELECT dblink_exec((${R}), 'DELETE FROM t')`,
    },
    {
      name: 'dblink concatenation',
      sql: "SELECT dblink_connect('host=h password=' || 'x')",
      want: `SELECT dblink_connect(${R} || ${R})`,
    },
    { name: 'any literal', sql: "SELECT 'host=h password=x', 'y'", want: `SELECT ${R}, 'y'` },
    { name: 'spaced', sql: "SELECT 'host = h password = x', 'y'", want: `SELECT ${R}, 'y'` },
    { name: 'quoted value', sql: "SELECT 'host=h password=''a b'''", want: `SELECT ${R}` },
    { name: 'dollars', sql: 'SELECT $$password=x$$', want: `SELECT ${R}` },
    { name: 'URI', sql: "SELECT 'postgresql://u:x@h/d'", want: `SELECT ${R}` },
    { name: 'URI with an escape', sql: "SELECT E'postgresql:\\/\\/u:x@h/d'", want: `SELECT ${R}` },
    {
      name: 'format',
      sql: "SELECT format('postgres://%s:%s@h', 'u', 'x')",
      want: `SELECT format(${R}, ${R}, ${R})`,
    },
    {
      name: 'within code',
      sql: "DO $$ BEGIN PERFORM dblink_connect('password=x'); END $$",
      want: `DO $$ BEGIN PERFORM dblink_connect(${R}); END $$`,
    },
    { name: 'comment', sql: 'SELECT 1 -- postgres://u:x@h', want: 'SELECT 1 --[redacted]' },
    { name: 'comment, pair', sql: 'SELECT 1 /* password=x */', want: 'SELECT 1 /*[redacted]*/' },
  ])('$name', ({ sql, want }) => {
    expect(redactSecrets(sql)).toEqual({ sql: want, redacted: ['connection_string'] });
  });
});

describe('redactSecrets leaves alone', () => {
  it.each([
    'SELECT password FROM users WHERE login = $1',
    "UPDATE users SET password = 'x'",
    "INSERT INTO help VALUES ('forgot password', 'abc')",
    "SELECT 'SELECT * FROM users WHERE password=$1'",
    'ALTER ROLE password NOLOGIN',
    "ALTER ROLE b PASSWORD NULL VALID UNTIL 'infinity'",
    'ALTER ROLE b PASSWORD $1',
    "ALTER ROLE b SET password_encryption = 'scram-sha-256'",
    "GRANT a TO password; SELECT 'x'",
    "SELECT * FROM dblink('SELECT a FROM t WHERE b = 1') AS t(a int)",
    "SELECT 'http://h:80/a@b', 'a://b'",
    "COPY t FROM STDIN WITH (FORMAT csv, NULL 'x') -- options",
    'CREATE FUNCTION f() AS $$ BEGIN IF NEW.password=OLD.password THEN RETURN; END IF; END $$',
    'SELECT 1 /* where password = $1 */ -- password=?',
    'SELECT E\'a\\nb\', \'{"a":"\\\\"}\'',
  ])('%s', (sql) => {
    expect(redactSecrets(sql)).toEqual({ sql, redacted: [] });
  });
});
