import fc from 'fast-check';
import { isBlank } from './characters.ts';
import { Lexer, type SqlOptions, token } from './lexer.ts';
import { sqlText } from './texts.testing.ts';

const names = Object.fromEntries(Object.entries(token).map(([name, kind]) => [kind, name]));

function tokens(sql: string, options?: SqlOptions): string[] {
  const lexer = new Lexer(sql, options);
  const out: string[] = [];
  while (lexer.nextWithComments() !== token.end) {
    out.push(`${names[lexer.kind]} ${lexer.raw()}${lexer.closed ? '' : ' (open)'}`);
    lexer.closed = true;
  }
  return out;
}

describe('Lexer', () => {
  it.each([
    { name: 'nothing', sql: '', want: [] },
    { name: 'blanks', sql: ' \t\n\r\f\v', want: [] },
    { name: 'words', sql: 'select Ä_1$x', want: ['word select', 'word Ä_1$x'] },
    { name: 'no-break space is part of a word', sql: 'a\u00a0b', want: ['word a\u00a0b'] },
    { name: 'quoted word', sql: '"a""b" "c', want: ['quotedWord "a""b"', 'quotedWord "c (open)'] },
    {
      name: 'unicode word',
      sql: 'u&"a" U & "a"',
      want: ['unicodeWord u&"a"', 'word U', 'symbol &', 'quotedWord "a"'],
    },
    { name: 'string', sql: "'a''b'", want: ["string 'a''b'"] },
    { name: 'empty string', sql: "''", want: ["string ''"] },
    { name: 'backslash is plain', sql: "'\\' x", want: ["string '\\'", 'word x'] },
    { name: 'escape string', sql: "e'\\'' x", want: ["escapeString e'\\''", 'word x'] },
    { name: 'prefix apart', sql: "e 'a'", want: ['word e', "string 'a'"] },
    { name: 'national', sql: "N'a'", want: ["string N'a'"] },
    { name: 'bits', sql: "b'01'X'f'", want: ["bitString b'01'", "bitString X'f'"] },
    { name: 'unicode string', sql: "U&'\\0041'", want: ["unicodeString U&'\\0041'"] },
    { name: 'continued', sql: "'a' -- c\n 'b''' 'c'", want: ["string 'a' -- c\n 'b'''", "string 'c'"] },
    { name: 'not continued on one line', sql: "'a' 'b'", want: ["string 'a'", "string 'b'"] },
    {
      name: 'not continued over a block comment',
      sql: "'a' /*\n*/ 'b'",
      want: ["string 'a'", 'comment /*\n*/', "string 'b'"],
    },
    { name: 'escapes go on in continuations', sql: "E'a'\n'\\'b'", want: ["escapeString E'a'\n'\\'b'"] },
    { name: 'open string', sql: "'a", want: ["string 'a (open)"] },
    { name: 'open escape', sql: "E'a\\", want: ["escapeString E'a\\ (open)"] },
    { name: 'dollar', sql: "$$a'$$ $t$ $$ $t$", want: ["dollarString $$a'$$", 'dollarString $t$ $$ $t$'] },
    { name: 'dollar within dollar', sql: '$a$x$b$y$a$', want: ['dollarString $a$x$b$y$a$'] },
    { name: 'three dollars', sql: '$$x$$$', want: ['dollarString $$x$$', 'symbol $'] },
    { name: 'no dollar quote in a word', sql: 'a$$b$$', want: ['word a$$b$$'] },
    {
      name: 'dollar tag may not begin with a digit',
      sql: '$1$x$1$',
      want: ['parameter $1', 'dollarString $x$1$ (open)'],
    },
    { name: 'lone dollar', sql: '$ $x', want: ['symbol $', 'symbol $', 'word x'] },
    { name: 'open dollar', sql: '$x$ abc', want: ['dollarString $x$ abc (open)'] },
    { name: 'parameters', sql: '$12+$3', want: ['parameter $12', 'symbol +', 'parameter $3'] },
    { name: 'nested comment', sql: '/* /* */ */ x', want: ['comment /* /* */ */', 'word x'] },
    { name: 'slash star slash', sql: '/*/ x */ y', want: ['comment /*/ x */', 'word y'] },
    { name: 'open comment', sql: '/* /* */ x', want: ['comment /* /* */ x (open)'] },
    { name: 'line comments', sql: '--a\r--b\nx', want: ['comment --a', 'comment --b', 'word x'] },
    {
      name: 'comment within an operator',
      sql: 'a+/*c*/-b<--d',
      want: ['word a', 'symbol +', 'comment /*c*/', 'symbol -', 'word b', 'symbol <', 'comment --d'],
    },
    {
      name: 'quotes in comments',
      sql: "/* ' */ 'a' -- '\nb",
      want: ["comment /* ' */", "string 'a'", "comment -- '", 'word b'],
    },
    {
      name: 'numbers',
      sql: '1 1.5 .5 1e-3 0x_f 0xFf 1_000 1..2',
      want: [
        'number 1',
        'number 1.5',
        'symbol .',
        'number 5',
        'number 1e-3',
        'number 0x_f',
        'number 0xFf',
        'number 1_000',
        'number 1',
        'symbol .',
        'symbol .',
        'number 2',
      ],
    },
    { name: 'junk behind a number', sql: '1PASSWORD', want: ['number 1', 'word PASSWORD'] },
    { name: 'other characters', sql: '\u0000{', want: ['symbol \u0000', 'symbol {'] },
  ])('$name', ({ sql, want }) => {
    expect(tokens(sql)).toEqual(want);
  });

  it('takes backslashes as escapes where standard_conforming_strings is off', () => {
    const sql = "'\\'' n'\\'' e'a'";
    const options = { standardConformingStrings: false };
    expect(tokens(sql, options)).toEqual(["escapeString '\\''", "escapeString n'\\''", "escapeString e'a'"]);
  });

  it('covers any text: tokens follow each other with nothing but blanks between them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), sqlText), fc.boolean(), (sql, conforming) => {
        const lexer = new Lexer(sql, { standardConformingStrings: conforming });
        let from = 0;
        while (lexer.nextWithComments() !== token.end) {
          for (let at = from; at < lexer.start; at++) expect(isBlank(sql.charCodeAt(at))).toBe(true);
          expect(lexer.end).toBeGreaterThan(lexer.start);
          from = lexer.end;
        }
        for (let at = from; at < sql.length; at++) expect(isBlank(sql.charCodeAt(at))).toBe(true);
      }),
    );
  });
});
