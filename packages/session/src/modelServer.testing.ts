/**
 * A small PostgreSQL for property tests: reads the client's messages one by one, answers as the real one
 * does, and knows what became of every statement. Written from protocol probes, not from the machine under
 * test.
 */
import { type Event, eventOf } from './script.testing.ts';

/** What one execution came to, in the server's order. */
export interface Expected {
  readonly sql: string;
  readonly outcome: string;
  /** Decided by the end of its transaction; `?` while open or where the session ended first. */
  fate: 'committed' | 'rolled_back' | 'prepared' | '?';
}

interface ModelPortal {
  readonly sql: string;
  done: boolean;
}

const tags: Readonly<Record<string, string>> = {
  begin: 'BEGIN',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  'savepoint a': 'SAVEPOINT',
  'release a': 'RELEASE',
  'rollback to a': 'ROLLBACK',
  insert: 'INSERT 0 1',
};

export class ModelServer {
  readonly expected: Expected[] = [];
  readonly #inbox: string[] = [];
  readonly #out: Event[] = [];
  /** Still to be sent: the server holds replies back until Sync, Flush or an error. */
  #held: Event[] = [];
  #explicit = false;
  #aborted = false;
  #skip = false;
  #savepoints: number[] = [];
  /** Indexes into `expected` of the open transaction. */
  #open: number[] = [];
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, ModelPortal>();

  /** A line of the client, as in a script. */
  receive(line: string): void {
    this.#inbox.push(line);
  }

  get idle(): boolean {
    return this.#inbox.length === 0;
  }

  /** Reads one message; the events it let out. */
  step(): Event[] {
    const line = this.#inbox.shift();
    if (line !== undefined) this.#read(line);
    return this.#out.splice(0);
  }

  #say(line: string): void {
    this.#held.push(eventOf(`< ${line}`));
  }

  #flush(): void {
    this.#out.push(...this.#held);
    this.#held = [];
  }

  #read(line: string): void {
    const [, letter = '', ...rest] = line.split(' ');
    const words = rest.join(' ').split('|');
    if (letter === 'S') {
      this.#sync();
      return;
    }
    if (this.#skip) {
      this.#swallow(letter, rest.join(' '));
      return;
    }
    switch (letter) {
      case 'Q':
        this.#query(rest.join(' '));
        return;
      case 'P':
        this.#parse(words[0] ?? '', words[1] ?? '');
        return;
      case 'B':
        this.#bind(words[0] ?? '', words[1] ?? '');
        return;
      case 'E':
        this.#execute(rest[0] ?? '', Number(rest[1] ?? 0));
        return;
      case 'D':
        this.#describe(rest[0] ?? '', rest[1] ?? '');
        return;
      case 'C':
        if (rest[0] === 'S') this.#statements.delete(rest[1] ?? '');
        else this.#portals.delete(rest[1] ?? '');
        this.#say('3');
        return;
      case 'H':
        this.#flush();
        return;
      default:
        // CopyData, CopyDone and CopyFail outside of a COPY are dropped.
        return;
    }
  }

  #swallow(letter: string, rest: string): void {
    if (letter === 'E') this.#end('', 'skipped');
    if (letter === 'Q') this.#end(rest, 'skipped');
  }

  #end(sql: string, outcome: string): void {
    this.#open.push(this.expected.length);
    this.expected.push({ sql, outcome, fate: '?' });
  }

  #decide(fate: Expected['fate'], from = 0): void {
    for (const index of this.#open.splice(from)) this.expected[index]!.fate = fate;
    if (from === 0) this.#savepoints = [];
  }

  #ready(): void {
    this.#say(`Z ${this.#aborted && this.#explicit ? 'E' : this.#explicit ? 'T' : 'I'}`);
    this.#flush();
  }

  #sync(): void {
    this.#skip = false;
    this.#endImplicit();
    this.#ready();
  }

  #endImplicit(): void {
    if (this.#explicit) return;
    this.#decide(this.#aborted ? 'rolled_back' : 'committed');
    this.#aborted = false;
    this.#portals.clear();
  }

  #fail(extended: boolean, sqlstate = '42601'): void {
    this.#aborted = true;
    this.#say(`E ${sqlstate}`);
    this.#flush();
    if (extended) this.#skip = true;
  }

  /** Runs one statement; false when it failed, with its record. */
  #run(sql: string, whole: string): boolean {
    const copy = sql.startsWith('copy in');
    const ends = sql === 'commit' || sql === 'rollback' || sql === 'rollback to a';
    if ((this.#aborted && !ends) || sql === 'selec' || !this.#allowed(sql)) {
      this.#end(whole, 'failed');
      return false;
    }
    if (sql === 'select') {
      this.#say('D 2');
      this.#say('C SELECT 2');
    } else if (copy) return this.#copyIn(sql, whole);
    else if (sql === 'copy out') {
      for (const line of ['H', 'd 2', 'c', 'C COPY 2']) this.#say(line);
    } else if (this.#aborted && sql === 'commit') this.#say('C ROLLBACK');
    else this.#say(`C ${tags[sql] ?? 'SET'}`);
    this.#end(sql, 'completed');
    this.#transact(sql);
    return true;
  }

  #allowed(sql: string): boolean {
    if (sql === 'savepoint a') return this.#explicit;
    if (sql === 'release a' || sql === 'rollback to a') return this.#explicit && this.#savepoints.length > 0;
    return true;
  }

  #transact(sql: string): void {
    const mine = this.#open.length - 1;
    if (sql === 'begin') this.#explicit = true;
    else if (sql === 'savepoint a') this.#savepoints.push(mine);
    else if (sql === 'release a') this.#savepoints.pop();
    else if (sql === 'rollback to a') {
      const since = this.#savepoints[this.#savepoints.length - 1] ?? 0;
      const kept = this.#open.pop()!;
      this.#decide('rolled_back', since + 1);
      this.#open.push(kept);
      this.#aborted = false;
    } else if (sql === 'commit' || sql === 'rollback') {
      this.#decide(sql === 'commit' && !this.#aborted ? 'committed' : 'rolled_back');
      this.#explicit = false;
      this.#aborted = false;
      this.#portals.clear();
    }
  }

  /** Reads the client's data itself; Sync and Flush before CopyDone are swallowed. */
  #copyIn(sql: string, whole: string): boolean {
    if (sql === 'copy in nope') {
      this.#end(whole, 'failed');
      return false;
    }
    this.#say('G');
    this.#flush();
    if (sql === 'copy in trigger') {
      this.#end(whole, 'failed');
      return false;
    }
    for (;;) {
      const line = this.#inbox.shift() ?? '> f nothing';
      const letter = line.split(' ')[1];
      if (letter === 'c') break;
      if (letter === 'f') {
        this.#end(whole, 'failed');
        return false;
      }
    }
    if (sql === 'copy in bad') {
      this.#end(whole, 'failed');
      return false;
    }
    this.#say('C COPY 2');
    this.#end(sql, 'completed');
    return true;
  }

  #query(text: string): void {
    this.#statements.delete('-');
    const parts = text.split('; ');
    if (text === '') {
      this.#say('I');
      this.#end('', 'empty');
    }
    for (const [place, sql] of parts.entries()) {
      if (text === '') break;
      if (sql === 'select' && !this.#aborted) this.#say('T');
      if (!this.#run(sql, parts.slice(place).join('; '))) {
        this.#fail(false);
        break;
      }
    }
    this.#endImplicit();
    this.#portals.delete('-');
    this.#ready();
  }

  #parse(name: string, sql: string): void {
    if (name === '-') this.#statements.delete('-');
    const bad = sql === 'selec' || (name !== '-' && this.#statements.has(name)) || this.#refused(sql);
    if (bad) {
      this.#end(sql, 'failed');
      this.#fail(true);
      return;
    }
    this.#statements.set(name, sql);
    this.#say('1');
  }

  /** In a failed transaction only its end can be parsed and bound. */
  #refused(sql: string): boolean {
    return this.#aborted && !['commit', 'rollback', 'rollback to a'].includes(sql);
  }

  #bind(portal: string, statement: string): void {
    const sql = this.#statements.get(statement);
    if (sql === undefined || this.#refused(sql) || (portal !== '-' && this.#portals.has(portal))) {
      this.#end(sql ?? '', 'failed');
      this.#fail(true);
      return;
    }
    this.#portals.set(portal, { sql, done: false });
    this.#say('2');
  }

  #describe(kind: string, name: string): void {
    const known = kind === 'S' ? this.#statements.has(name) : this.#portals.has(name);
    if (!known) {
      this.#end('', 'failed');
      this.#fail(true);
      return;
    }
    if (kind === 'S') this.#say('t 23,25');
    this.#say('n');
  }

  #execute(name: string, rows: number): void {
    const portal = this.#portals.get(name);
    if (portal === undefined || portal.done) {
      this.#end(portal?.sql ?? '', 'failed');
      this.#fail(true, portal === undefined ? '34000' : '55000');
      return;
    }
    if (portal.sql === 'select' && rows === 1 && !this.#aborted) {
      this.#say('D 1');
      this.#say('s');
      this.#end('select', 'suspended');
      return;
    }
    portal.done = true;
    if (!this.#run(portal.sql, portal.sql)) this.#fail(true);
  }
}
