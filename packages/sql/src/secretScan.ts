/**
 * One pass over one SQL text that replaces literals which hold secrets. It looks at neighbouring tokens, not
 * at a grammar, so that text the server refuses is redacted too: order of options, quoting, comments and
 * several statements make no difference.
 */
import { char, isBlank } from './characters.ts';
import { hasConninfoPairs, isPlaceholder, looksLikeConninfo, passwordSpans, REDACTED } from './conninfo.ts';
import { isLiteral, Lexer, type SqlOptions, token } from './lexer.ts';
import { identifierName, literalValue } from './literal.ts';
import {
  commentSecret,
  hasSecretWord,
  isCode,
  mayHoldSecret,
  roleOptions,
  type SecretRule,
  secretKey,
} from './secretWords.ts';

/** SQL within SQL is followed this deep: DO $$ ... EXECUTE '...''...''' $$. */
const NESTING_MAX = 3;

/** What a pass found. */
export interface Scan {
  /** The text itself, or the redacted one. */
  readonly text: string;
  readonly rules: readonly SecretRule[];
  /** What was replaced, as written and as meant. */
  readonly secrets: readonly string[];
  /**
   * The text stops, or has a placeholder, where a secret belongs: whoever puts the text together has it in
   * another literal.
   */
  readonly open: SecretRule | null;
}

/** Redacts one text; `depth` 0 is what the client sent. */
export function scanSecrets(sql: string, options: SqlOptions | undefined, depth: number): Scan {
  const first = new SecretScan(sql, options, depth, null);
  const scan = first.run();
  return first.builtElsewhere === null
    ? scan
    : new SecretScan(sql, options, depth, first.builtElsewhere).run();
}

/** ROLE statement progress: CREATE|ALTER, then ROLE|USER|GROUP, then its name. */
const role = { none: 0, verb: 1, object: 2, named: 3 } as const;

class SecretScan {
  readonly #lexer: Lexer;
  readonly #options: SqlOptions | undefined;
  readonly #depth: number;
  /** Set: redact every literal, because one of them completes a secret. */
  readonly #everything: SecretRule | null;
  /** A literal of this text is `open`. */
  builtElsewhere: SecretRule | null = null;
  #out = '';
  #copied = 0;
  #rules: SecretRule[] = [];
  #secrets: string[] = [];
  #open: SecretRule | null = null;
  /** The rule for a literal right here. */
  #expects: SecretRule | null = null;
  /** The literal came; another one right behind it is a syntax error with the rest of the secret. */
  #satisfied = false;
  #role: (typeof role)[keyof typeof role] = role.none;
  #identified = false;
  #parentheses = 0;
  /** What the next `(` would open. */
  #announced: 'options' | 'dblink' | null = null;
  /** The parenthesis depth inside OPTIONS (...) or dblink...(...); 0 outside. */
  #optionsAt = 0;
  #dblinkAt = 0;

  constructor(sql: string, options: SqlOptions | undefined, depth: number, everything: SecretRule | null) {
    this.#lexer = new Lexer(sql, options);
    this.#options = options;
    this.#depth = depth;
    this.#everything = everything;
  }

  run(): Scan {
    const lexer = this.#lexer;
    while (lexer.nextWithComments() !== token.end) {
      const { kind } = lexer;
      if (kind === token.comment) this.#comment();
      else if (isLiteral(kind)) this.#literal();
      else if (kind === token.symbol) this.#symbol(lexer.symbol);
      else if (this.#bareSecretHere()) this.#bareSecret();
      else if (kind === token.word) this.#word();
      else this.#name();
    }
    if (this.#wantsPassword() || this.#isOptionFragment(lexer.text.length)) this.#open = 'password';
    const text = this.#copied === 0 ? lexer.text : this.#out + lexer.text.slice(this.#copied);
    return { text, rules: this.#rules, secrets: this.#secrets, open: this.#open };
  }

  /** A role statement has said PASSWORD and not yet what it is. */
  #wantsPassword(): boolean {
    return this.#expects === 'password' && !this.#satisfied && this.#role === role.named;
  }

  /** The text up to `end` is a piece of a role statement as programs put it together: ' WITH PASSWORD '. */
  #isOptionFragment(end: number): boolean {
    if (this.#expects !== 'password' || this.#satisfied || end > 200) return false;
    const { text } = this.#lexer;
    if (!isBlank(text.charCodeAt(0))) return false;
    return text
      .slice(0, end)
      .trim()
      .split(/\s+/)
      .every((word) => roleOptions.has(word.toUpperCase()));
  }

  #word(): void {
    const lexer = this.#lexer;
    if (this.#wantsPassword() && isFiller(lexer)) return;
    const before = this.#role;
    this.#expects = null;
    this.#announced = null;
    this.#role = before === role.object ? role.named : before === role.verb ? role.none : before;
    switch (lexer.end - lexer.start) {
      case 2:
        if (this.#identified && lexer.isWord('BY')) this.#expectPassword();
        break;
      case 4:
        if (before === role.verb && (lexer.isWord('ROLE') || lexer.isWord('USER'))) this.#role = role.object;
        break;
      case 5:
        if (before === role.verb && lexer.isWord('GROUP')) this.#role = role.object;
        else if (lexer.isWord('ALTER')) this.#role = role.verb;
        break;
      case 6:
        if (lexer.isWord('CREATE')) this.#role = role.verb;
        break;
      case 7:
        if (lexer.isWord('OPTIONS')) this.#announced = 'options';
        break;
      case 8:
        if (lexer.isWord('PASSWORD')) this.#expectPassword();
        break;
      case 10:
        if (lexer.isWord('CONNECTION')) this.#expects = 'connection_string';
        break;
      default:
    }
    this.#identified = lexer.isWord('IDENTIFIED');
    if (before === role.object) this.#expects = null;
    this.#name();
  }

  #expectPassword(): void {
    this.#expects = this.#optionsAt > 0 ? 'user_mapping' : 'password';
    this.#satisfied = false;
  }

  /** What an identifier says whether it is quoted or not; also clears what a parameter or number ends. */
  #name(): void {
    const { kind, text, start, end } = this.#lexer;
    if (kind !== token.word) {
      this.#expects = null;
      this.#announced = null;
      if (this.#role === role.object) this.#role = role.named;
    }
    if (this.#optionsAt > 0 && this.#parentheses === this.#optionsAt) {
      const key = identifierName(this.#lexer);
      if (key !== null && secretKey.test(key)) this.#expects = 'user_mapping';
    } else if (kind !== token.word || (end - start > 5 && (text.charCodeAt(start) | 0x20) === 0x64)) {
      if (identifierName(this.#lexer)?.toLowerCase().startsWith('dblink')) this.#announced = 'dblink';
    }
  }

  #symbol(code: number): void {
    const announced = this.#announced;
    this.#announced = null;
    if (code === char.open) {
      this.#parentheses++;
      if (announced === 'options') this.#optionsAt = this.#parentheses;
      if (announced === 'dblink' && this.#dblinkAt === 0) this.#dblinkAt = this.#parentheses;
    } else if (code === char.close) {
      if (this.#parentheses === this.#optionsAt) this.#optionsAt = 0;
      if (this.#parentheses === this.#dblinkAt) this.#dblinkAt = 0;
      if (this.#parentheses > 0) this.#parentheses--;
    } else if (code === char.semicolon) {
      this.#parentheses = this.#optionsAt = this.#dblinkAt = 0;
      this.#role = role.none;
    } else if (
      code === char.percent &&
      (this.#wantsPassword() || this.#isOptionFragment(this.#lexer.start))
    ) {
      this.#open = 'password';
    } else if (this.#wantsPassword() && code !== char.comma) {
      if (code !== char.equals && code !== char.colon) this.#bareSecret();
      return;
    }
    if (code !== char.open || !this.#wantsPassword()) this.#expects = null;
  }

  /**
   * Behind PASSWORD of a role statement stands something that is no literal: a mistake, but a secret all the
   * same.
   */
  #bareSecretHere(): boolean {
    if (!this.#wantsPassword()) return false;
    const lexer = this.#lexer;
    return lexer.kind !== token.parameter && !lexer.isWord('NULL') && !isFiller(lexer);
  }

  #bareSecret(): void {
    const lexer = this.#lexer;
    const { text, start } = lexer;
    this.#secrets.push(lexer.raw());
    if (lexer.kind === token.quotedWord || lexer.kind === token.unicodeWord) {
      this.#secrets.push(identifierName(lexer) ?? '');
    } else lexer.end = bareEnd(text, start);
    const end = lexer.end;
    this.#expects = null;
    this.#secrets.push(text.slice(start, end));
    this.#replace(start, end, `'${REDACTED}'`);
    this.#note('password');
  }

  #literal(): void {
    const lexer = this.#lexer;
    this.#announced = null;
    this.#identified = false;
    if (this.#expects !== null) {
      const value = literalValue(lexer);
      if (!lexer.closed || isPlaceholder(value)) this.#open = this.#expects;
      this.#satisfied = true;
      this.#redact(this.#expects, value);
      return;
    }
    if (lexer.bodyStart === lexer.bodyEnd || lexer.kind === token.bitString) return;
    if (this.#inspect() || this.#everything === null) return;
    this.#redact(this.#everything, literalValue(lexer));
  }

  /** Looks into a literal. True: it is dealt with, or must stay though everything else goes. */
  #inspect(): boolean {
    const lexer = this.#lexer;
    const suspect = this.#dblinkAt > 0 || lexer.kind === token.unicodeString;
    if (!suspect && !mayHoldSecret(lexer.body())) return false;
    const value = literalValue(lexer);
    if (this.#connectionString(value)) return true;
    if (!mayHoldSecret(value)) return false;
    if (this.#depth >= NESTING_MAX) {
      if (!hasSecretWord(value)) return false;
      this.#redact('password', value);
      return true;
    }
    const inner = scanSecrets(value, this.#options, this.#depth + 1);
    if (inner.open !== null) this.builtElsewhere = inner.open;
    if (inner.rules.length === 0) return inner.open !== null;
    if (this.#everything !== null && inner.open === null) return false;
    const rewritten = this.#rewrite(inner.text);
    this.#replace(lexer.start, lexer.end, rewritten ?? `'${REDACTED}'`);
    for (const secret of inner.secrets) this.#secrets.push(secret);
    for (const rule of inner.rules) this.#note(rule);
    return true;
  }

  #connectionString(value: string): boolean {
    const lone = this.#dblinkAt > 0 && looksLikeConninfo(value);
    if (!lone && isCode(value)) return false;
    const spans = passwordSpans(value).filter(({ spaced }) => !spaced || hasConninfoPairs(value));
    if (!lone && spans.length === 0) return false;
    if (spans.some(({ open }) => open)) this.builtElsewhere = 'connection_string';
    for (const { start, end } of spans) this.#secrets.push(value.slice(start, end));
    this.#redact('connection_string', value);
    return true;
  }

  /**
   * The literal the lexer stands on with another value, everything else as written; null where escapes make
   * that doubtful.
   */
  #rewrite(value: string): string | null {
    const { kind, text, start, end, bodyStart, bodyEnd, continued } = this.#lexer;
    const head = text.slice(start, bodyStart);
    const tail = text.slice(bodyEnd, end);
    if (kind === token.dollarString) return head + value + tail;
    if (continued || kind === token.unicodeString) return null;
    if (kind === token.escapeString && this.#lexer.body().includes('\\')) return null;
    return head + value.replaceAll("'", "''") + tail;
  }

  #comment(): void {
    const { text, start, end, bodyStart, bodyEnd } = this.#lexer;
    const body = text.slice(bodyStart, bodyEnd);
    const rule = hasSecretWord(body) ? commentSecret(body) : null;
    if (rule === null) return;
    this.#replace(start, end, text.slice(start, bodyStart) + REDACTED + text.slice(bodyEnd, end));
    this.#secrets.push(body);
    this.#note(rule);
  }

  #redact(rule: SecretRule, value: string): void {
    const lexer = this.#lexer;
    this.#replace(lexer.start, lexer.end, `'${REDACTED}'`);
    this.#secrets.push(lexer.body(), value);
    this.#note(rule);
  }

  #replace(start: number, end: number, replacement: string): void {
    this.#out += this.#lexer.text.slice(this.#copied, start) + replacement;
    this.#copied = end;
  }

  #note(rule: SecretRule): void {
    if (!this.#rules.includes(rule)) this.#rules.push(rule);
  }
}

/**
 * Where something that is no literal ends: at a blank or `;`, but a quote in it leaves everything behind it
 * in doubt.
 */
function bareEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isBlank(code) || code === char.semicolon) return at;
    if (code === char.quote || code === char.doubleQuote) break;
  }
  return text.length;
}

/** What people write between PASSWORD and the password. */
function isFiller(lexer: Lexer): boolean {
  return lexer.isWord('TO') || lexer.isWord('IS') || lexer.isWord('AS');
}
