import { Lexer } from './lexer.ts';
import { identifierName, literalValue } from './literal.ts';

function first(sql: string): Lexer {
  const lexer = new Lexer(sql);
  lexer.next();
  return lexer;
}

describe('literalValue', () => {
  it.each([
    { sql: "'it''s'", want: "it's" },
    { sql: "''", want: '' },
    { sql: "'\\n'", want: '\\n' },
    { sql: "N'a'", want: 'a' },
    { sql: "'a'\n  'b''c'\n'd'", want: "ab'cd" },
    { sql: "'a' --x'y\n 'b'", want: 'ab' },
    { sql: "'open", want: 'open' },
    { sql: "E'\\b\\f\\n\\r\\t\\\\\\'\\q'''", want: "\b\f\n\r\t\\'q'" },
    { sql: "E'\\101\\7\\x41\\u00e4\\U0001F600'", want: 'A\u0007Aä😀' },
    { sql: "E'\\xc3\\xa4-\\303\\244'", want: 'ä-ä' },
    { sql: "E'\\U00110000\\uZ'", want: '\ufffduZ' },
    { sql: "E'a\\'b'\n'c\\'d'", want: "a'bc'd" },
    { sql: "U&'d\\0061t\\+000061\\\\'", want: 'data\\' },
    { sql: "U&'d!0061t!+000061!!' /* c */ UESCAPE '!'", want: 'data!' },
    { sql: "U&'a\\00'", want: 'a\\00' },
    { sql: "U&'\\D83D\\DE00'", want: '😀' },
    { sql: "$$it's \\n$$", want: "it's \\n" },
    { sql: '$a$$$$a$', want: '$$' },
  ])('$sql', ({ sql, want }) => {
    expect(literalValue(first(sql))).toBe(want);
  });
});

describe('identifierName', () => {
  it.each([
    { sql: 'Foo_Ä', want: 'foo_Ä' },
    { sql: '"Fo""o"', want: 'Fo"o' },
    { sql: 'U&"d\\0061ta"', want: 'data' },
    { sql: 'U&"d!0061ta" UESCAPE \'!\'', want: 'data' },
    { sql: 'a'.repeat(70), want: 'a'.repeat(63) },
    { sql: `"${'ä'.repeat(40)}"`, want: 'ä'.repeat(31) },
    { sql: `"a${'😀'.repeat(16)}"`, want: `a${'😀'.repeat(15)}` },
    { sql: "'x'", want: null },
    { sql: '', want: null },
  ])('$sql', ({ sql, want }) => {
    expect(identifierName(first(sql))).toBe(want);
  });
});
