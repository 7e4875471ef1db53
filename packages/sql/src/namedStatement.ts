/**
 * Recognises the statements that make, run or drop another one by name (gram.y: PrepareStmt, ExecuteStmt,
 * DeallocateStmt, DeclareCursorStmt, FetchStmt, ClosePortalStmt). Knows no session, so no name's meaning.
 */
import { char, isWordStart } from './characters.ts';
import { Lexer, type SqlOptions, token } from './lexer.ts';
import { identifierName } from './literal.ts';
import { toFirstWord } from './statements.ts';

/** Names are folded and truncated as the server does; null stands for ALL. */
export type NamedStatement =
  | { readonly verb: 'prepare'; readonly name: string; readonly runs: string }
  | { readonly verb: 'declare'; readonly name: string; readonly runs: string; readonly hold: boolean }
  /** EXECUTE, also as EXPLAIN EXECUTE or CREATE TABLE ... AS EXECUTE. */
  | { readonly verb: 'execute'; readonly name: string }
  | { readonly verb: 'fetch' | 'move'; readonly name: string }
  | { readonly verb: 'deallocate' | 'close'; readonly name: string | null };

/** What the (one) statement is, or null. It may end in `;`; text behind that is not looked at. */
export function namedStatement(sql: string, options?: SqlOptions): NamedStatement | null {
  const code = sql.charCodeAt(0);
  if (isWordStart(code) && !mayStart(code)) return null;
  const lexer = new Lexer(sql, options);
  if (!toFirstWord(lexer) || !mayStart(sql.charCodeAt(lexer.start))) return null;
  switch (lexer.end - lexer.start) {
    case 4:
      return lexer.isWord('MOVE') ? fetched(lexer, 'move') : null;
    case 5:
      if (lexer.isWord('FETCH')) return fetched(lexer, 'fetch');
      return lexer.isWord('CLOSE') ? dropped(lexer, 'close') : null;
    case 6:
      return lexer.isWord('CREATE') ? tableAs(lexer) : null;
    case 7:
      if (lexer.isWord('EXECUTE')) return executed(lexer);
      if (lexer.isWord('PREPARE')) return prepared(lexer);
      if (lexer.isWord('DECLARE')) return declared(lexer);
      return lexer.isWord('EXPLAIN') ? explained(lexer) : null;
    case 10:
      return lexer.isWord('DEALLOCATE') ? dropped(lexer, 'deallocate') : null;
    default:
      return null;
  }
}

/** First letters of CLOSE CREATE DEALLOCATE DECLARE EXECUTE EXPLAIN FETCH MOVE PREPARE. */
function mayStart(code: number): boolean {
  const letter = code | 0x20;
  return (
    letter === 0x63 ||
    letter === 0x64 ||
    letter === 0x65 ||
    letter === 0x66 ||
    letter === 0x6d ||
    letter === 0x70
  );
}

function nameNext(lexer: Lexer): string | null {
  lexer.next();
  return identifierName(lexer);
}

function executed(lexer: Lexer): NamedStatement | null {
  const name = nameNext(lexer);
  return name === null ? null : { verb: 'execute', name };
}

/** PREPARE name [(type, ...)] AS statement. */
function prepared(lexer: Lexer): NamedStatement | null {
  const name = nameNext(lexer);
  if (name === null) return null;
  let depth = 0;
  for (;;) {
    const kind = lexer.next();
    if (kind === token.end || lexer.isSymbol(char.semicolon)) return null;
    if (lexer.isSymbol(char.open)) depth += 1;
    else if (lexer.isSymbol(char.close)) depth -= 1;
    else if (depth === 0) return lexer.isWord('AS') ? { verb: 'prepare', name, runs: rest(lexer) } : null;
  }
}

/** DECLARE name [BINARY] [INSENSITIVE ...] [[NO] SCROLL] CURSOR [{WITH | WITHOUT} HOLD] FOR query. */
function declared(lexer: Lexer): NamedStatement | null {
  const name = nameNext(lexer);
  if (name === null) return null;
  let hold = false;
  while (lexer.next() === token.word) {
    if (lexer.isWord('FOR')) return { verb: 'declare', name, runs: rest(lexer), hold };
    if (lexer.isWord('WITH')) hold = true;
  }
  return null;
}

/** The cursor's name stands last, whatever direction stands before it. */
function fetched(lexer: Lexer, verb: 'fetch' | 'move'): NamedStatement | null {
  let name: string | null = null;
  while (lexer.next() !== token.end && !lexer.isSymbol(char.semicolon)) {
    const here = identifierName(lexer);
    if (here !== null) name = here;
    // A signed count, as in RELATIVE -1.
    else if (lexer.kind !== token.number && lexer.kind !== token.symbol) return null;
  }
  return name === null ? null : { verb, name };
}

/** CLOSE {name | ALL}, DEALLOCATE [PREPARE] {name | ALL}; a statement may itself be called `prepare`. */
function dropped(lexer: Lexer, verb: 'deallocate' | 'close'): NamedStatement | null {
  let name = nameNext(lexer);
  if (name === null) return null;
  let all = lexer.isWord('ALL');
  if (verb === 'deallocate' && lexer.isWord('PREPARE')) {
    const second = nameNext(lexer);
    if (second !== null) {
      name = second;
      all = lexer.isWord('ALL');
    }
  }
  return { verb, name: all ? null : name };
}

/** EXPLAIN [(option, ...)] [ANALYZE] [VERBOSE] EXECUTE name. */
function explained(lexer: Lexer): NamedStatement | null {
  let depth = 0;
  for (;;) {
    if (lexer.next() === token.end) return null;
    if (lexer.isSymbol(char.open)) depth += 1;
    else if (lexer.isSymbol(char.close)) depth -= 1;
    else if (depth > 0 || lexer.isWord('ANALYZE') || lexer.isWord('ANALYSE') || lexer.isWord('VERBOSE'))
      continue;
    else return lexer.isWord('EXECUTE') ? executed(lexer) : null;
  }
}

/** CREATE [TEMPORARY ...] TABLE ... AS EXECUTE name; whatever stands before TABLE is short. */
function tableAs(lexer: Lexer): NamedStatement | null {
  let words = 0;
  while (!lexer.isWord('TABLE')) {
    words += 1;
    if (words > 3 || lexer.next() !== token.word) return null;
  }
  let depth = 0;
  let as = false;
  while (lexer.next() !== token.end && !lexer.isSymbol(char.semicolon)) {
    if (lexer.isSymbol(char.open)) depth += 1;
    else if (lexer.isSymbol(char.close)) depth -= 1;
    if (depth > 0) continue;
    if (as) return lexer.isWord('EXECUTE') ? executed(lexer) : null;
    as = lexer.isWord('AS');
  }
  return null;
}

/** What follows, without the blanks and the semicolon around it. */
function rest(lexer: Lexer): string {
  return lexer.text
    .slice(lexer.end)
    .replace(/[;\s]+$/, '')
    .trimStart();
}
