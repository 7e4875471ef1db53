/**
 * Where statements begin and end in one Query text, and what kind they are by their first words. No grammar.
 */
import { char, isBlank, isWordStart, skipBlanks } from './characters.ts';
import { Lexer, type SqlOptions, token } from './lexer.ts';

const mayNeedLexing = /['"$(]|--|\/\*/;

/**
 * The statements of a Query message, in order, without their `;` and outer blanks; comments stay where they
 * are. A piece of nothing but blanks and comments is no statement, as for the server. A `;` within quotes,
 * comments, parentheses (CREATE RULE ... DO (a; b)) or a BEGIN ATOMIC ... END body of CREATE
 * FUNCTION/PROCEDURE does not end a statement.
 */
export function splitStatements(sql: string, options?: SqlOptions): string[] {
  if (!sql.includes(';') && isWordStart(sql.charCodeAt(0))) return [trimBlanks(sql, 0, sql.length)];
  if (sql.indexOf(';') === sql.length - 1 && isWordStart(sql.charCodeAt(0)) && !mayNeedLexing.test(sql)) {
    return [trimBlanks(sql, 0, sql.length - 1)];
  }
  return cut(sql, options);
}

function cut(sql: string, options: SqlOptions | undefined): string[] {
  const out: string[] = [];
  const lexer = new Lexer(sql, options);
  const routine = new RoutineBody();
  let from = 0;
  let parentheses = 0;
  let tokens = 0;
  const take = (end: number) => {
    if (tokens > 0) out.push(trimBlanks(sql, from, end));
    tokens = 0;
    parentheses = 0;
    from = lexer.end;
    routine.reset();
  };
  while (lexer.next() !== token.end) {
    if (lexer.kind === token.symbol) {
      if (lexer.symbol === char.semicolon && parentheses === 0 && routine.depth === 0) {
        take(lexer.start);
        continue;
      }
      if (lexer.symbol === char.open) parentheses++;
      else if (lexer.symbol === char.close && parentheses > 0) parentheses--;
    }
    tokens++;
    routine.see(lexer, parentheses);
  }
  take(sql.length);
  return out;
}

function trimBlanks(sql: string, from: number, to: number): string {
  const start = skipBlanks(sql, from);
  let end = to;
  while (end > start && isBlank(sql.charCodeAt(end - 1))) end--;
  return sql.slice(start, end);
}

/**
 * Follows a CREATE [OR REPLACE] FUNCTION|PROCEDURE and counts BEGIN ATOMIC and CASE against END outside
 * parentheses.
 */
class RoutineBody {
  depth = 0;
  #words = 0;
  #routine: 'unknown' | 'create' | 'or' | 'replace' | 'yes' | 'no' = 'unknown';
  /** The word before was BEGIN. */
  #begun = false;
  /** After AS and `.` a keyword is a name. */
  #name = false;

  reset(): void {
    this.depth = 0;
    this.#words = 0;
    this.#routine = 'unknown';
    this.#begun = this.#name = false;
  }

  see(lexer: Lexer, parentheses: number): void {
    if (this.#routine === 'no') return;
    if (this.#routine !== 'yes') this.#routine = this.#opening(lexer);
    else if (parentheses === 0) this.#body(lexer);
  }

  #opening(lexer: Lexer) {
    this.#words++;
    if (this.#words === 1) return lexer.isWord('CREATE') ? 'create' : 'no';
    if (this.#routine === 'create' && lexer.isWord('OR')) return 'or';
    if (this.#routine === 'or') return lexer.isWord('REPLACE') ? 'replace' : 'no';
    return lexer.isWord('FUNCTION') || lexer.isWord('PROCEDURE') ? 'yes' : 'no';
  }

  #body(lexer: Lexer): void {
    const named = this.#name;
    const begun = this.#begun;
    this.#begun = false;
    this.#name = lexer.isSymbol(char.dot) || (this.depth > 0 && lexer.isWord('AS'));
    if (named || lexer.kind !== token.word) return;
    if (lexer.isWord('BEGIN')) this.#begun = true;
    else if (lexer.isWord('ATOMIC')) {
      if (begun) this.depth++;
    } else if (this.depth > 0) {
      if (lexer.isWord('CASE')) this.depth++;
      else if (lexer.isWord('END')) this.depth--;
    }
  }
}

/**
 * The first keyword in capitals, behind comments and opening parentheses: `SELECT`, `WITH`, `CREATE`; '' when
 * there is none.
 */
export function firstKeyword(sql: string): string {
  const lexer = new Lexer(sql);
  return toFirstWord(lexer) ? lexer.raw().toUpperCase() : '';
}

/** Moves to the first word behind `;` and `(`; false when something else stands there. */
export function toFirstWord(lexer: Lexer): boolean {
  do lexer.next();
  while (lexer.isSymbol(char.semicolon) || lexer.isSymbol(char.open));
  return lexer.kind === token.word;
}

const alwaysCommits = new Set(['CALL', 'DO', 'VACUUM', 'REINDEX', 'CLUSTER', 'REPACK', 'ANALYZE', 'ANALYSE']);
const mayCommit = new Set([...alwaysCommits, 'CREATE', 'DROP', 'ALTER']);

/**
 * Whether parts of the statement may be committed though the statement failed: procedures and DO blocks that
 * may say COMMIT, maintenance that uses a transaction per table, CREATE/DROP INDEX and DETACH PARTITION
 * CONCURRENTLY, and databases and tablespaces, whose files no transaction covers. REFRESH ... CONCURRENTLY is
 * one transaction and does not count.
 */
export function commitsInternally(sql: string): boolean {
  const lexer = new Lexer(sql);
  if (!toFirstWord(lexer)) return false;
  const first = keywordOf(lexer, mayCommit);
  if (first === null) return false;
  if (alwaysCommits.has(first)) return true;
  lexer.next();
  if (lexer.isWord('DATABASE') || lexer.isWord('TABLESPACE')) return true;
  if (lexer.isWord('UNIQUE')) lexer.next();
  if (lexer.isWord('INDEX')) {
    lexer.next();
    return first !== 'ALTER' && lexer.isWord('CONCURRENTLY');
  }
  return first === 'ALTER' && lexer.isWord('TABLE') && endsInConcurrently(lexer);
}

/** ALTER TABLE ... DETACH PARTITION name CONCURRENTLY. */
function endsInConcurrently(lexer: Lexer): boolean {
  let detaching = false;
  while (lexer.next() !== token.end && !lexer.isSymbol(char.semicolon)) {
    if (lexer.isWord('DETACH')) detaching = true;
    else if (detaching && lexer.isWord('CONCURRENTLY')) return true;
  }
  return false;
}

function keywordOf(lexer: Lexer, known: ReadonlySet<string>): string | null {
  if (lexer.end - lexer.start > 10) return null;
  const word = lexer.raw().toUpperCase();
  return known.has(word) ? word : null;
}
