/**
 * The session's prepared statements and portals as the server has them, advanced by its replies alone; or,
 * over that, as the client meant them where the server never ran its messages. Knows no message and no
 * record.
 */
import { type BoundState, BoundValues } from './boundValues.ts';
import { portalBytesMax, statementBytesMax } from './limits.ts';
import { dropped, notSeen, SqlText, type SqlTextState } from './sqlText.ts';

/** A prepared statement: what Parse said, and what ParameterDescription added. */
export class Prepared {
  readonly name: string;
  text: SqlText;
  /** As Parse told them; 0 left the type to the server. */
  readonly oids: readonly number[];
  described: readonly number[] | null;
  /** What SQL's PREPARE or DECLARE, which is `text`, gave the name to; null where Parse did. */
  readonly runs: SqlText | null;
  /** SQL's cursor: a portal without a prepared statement. */
  readonly isCursor: boolean;
  /** `Names.epoch` when it got its name. */
  epoch = 0;

  constructor(
    name: string,
    text: SqlText,
    oids: readonly number[],
    described: readonly number[] | null,
    runs: SqlText | null = null,
    isCursor = false,
  ) {
    this.name = name;
    this.text = text;
    this.oids = oids;
    this.described = described;
    this.runs = runs;
    this.isCursor = isCursor;
  }

  state(): PreparedState {
    return {
      name: this.name,
      text: this.text.state(),
      oids: [...this.oids],
      described: this.described,
      ...(this.runs !== null && { runs: this.runs.state() }),
      ...(this.isCursor && { isCursor: true as const }),
      epoch: this.epoch,
    };
  }

  static of(state: PreparedState): Prepared {
    const runs = state.runs === undefined ? null : SqlText.of(state.runs);
    const { name, oids, described, isCursor = false } = state;
    const made = new Prepared(name, SqlText.of(state.text), oids, described, runs, isCursor);
    made.epoch = state.epoch;
    return made;
  }
}

/** A portal: a statement with its values. */
export class Portal {
  readonly name: string;
  readonly prepared: Prepared;
  readonly bound: BoundValues | null;
  /** `n` of its first Execute's record; 0 before. */
  firstN: number;
  /** WITH HOLD: it outlives a transaction that commits; `kept` once one did. */
  hold: boolean;
  kept = false;

  constructor(name: string, prepared: Prepared, bound: BoundValues | null, firstN: number, hold = false) {
    this.hold = hold;
    this.name = name;
    this.prepared = prepared;
    this.bound = bound;
    this.firstN = firstN;
  }
}

export interface PreparedState {
  readonly name: string;
  readonly text: SqlTextState;
  readonly oids: number[];
  readonly described: readonly number[] | null;
  readonly runs?: SqlTextState;
  readonly isCursor?: true;
  readonly epoch: number;
}

interface PortalState {
  readonly prepared: number;
  readonly bound: BoundState | null;
  readonly firstN: number;
  readonly held?: 'open' | 'kept';
}

export interface NamesState {
  readonly epoch: number;
  /** Every statement named or bound, once. */
  readonly prepared: PreparedState[];
  /** Name and index into `prepared`, -1 where it is gone; oldest first. */
  readonly statements: [string, number][];
  /** Statements whose text was dropped, as `statements`. */
  readonly textless: [string, number][];
  readonly portals: [string, PortalState | null][];
}

/** How many more names than texts are kept, so that a dropped text still has its length and hash. */
const namesPerText = 8;

/** Keeps length and hash. */
function withoutText(prepared: Prepared): Prepared {
  const { name, text, oids, described, runs, epoch } = prepared;
  const made = new Prepared(name, dropped(text), oids, described, runs === null ? null : dropped(runs));
  made.epoch = epoch;
  return made;
}

function textBytes(prepared: Prepared | null | undefined): number {
  return prepared?.text.sql == null ? 0 : prepared.text.sql.length;
}

export class Names {
  readonly #under: Names | null;
  readonly #statementsMax: number;
  /** Null: gone, whatever lies under. */
  #statements = new Map<string, Prepared | null>();
  /** Over the bound: name, length and hash only. */
  #textless = new Map<string, Prepared>();
  #portals = new Map<string, Portal | null>();
  /** The portal named '': as good as always the only one. Undefined: nothing is known of it here. */
  #unnamed: Portal | null | undefined = undefined;
  #textBytes = 0;
  #boundBytes = 0;
  /** Some portal is WITH HOLD. */
  #holds = false;
  /** Counts what may have changed any name unseen: a DO block, a procedure, a FunctionCall. */
  epoch: number;

  constructor(under: Names | null, statementsMax: number) {
    this.#under = under;
    this.epoch = under === null ? 0 : under.epoch;
    this.#statementsMax = statementsMax;
  }

  statement(name: string): Prepared | null {
    const own = this.#own(name);
    return own === undefined ? (this.#under?.statement(name) ?? null) : own;
  }

  portal(name: string): Portal | null {
    const own = name === '' ? this.#unnamed : this.#portals.get(name);
    return own === undefined ? (this.#under?.portal(name) ?? null) : own;
  }

  #own(name: string): Prepared | null | undefined {
    const own = this.#statements.get(name);
    return own === undefined && this.#textless.size > 0 ? this.#textless.get(name) : own;
  }

  setStatement(prepared: Prepared): void {
    const name = prepared.name;
    prepared.epoch = this.epoch;
    this.#textBytes += textBytes(prepared) - textBytes(this.#statements.get(name));
    // The unnamed one is replaced in place: its age does not matter.
    if (name !== '') this.#statements.delete(name);
    if (this.#textless.size > 0) this.#textless.delete(name);
    this.#statements.set(name, prepared);
    if (this.#statements.size > this.#statementsMax || this.#textBytes > statementBytesMax) {
      this.#shrink(statementBytesMax);
    }
  }

  /** The portal of a Bind; a statement nobody saw prepared is `statement_not_seen`. */
  setPortal(name: string, statement: string, bound: BoundValues | null): void {
    const prepared = this.statement(statement) ?? new Prepared(statement, notSeen, [], null);
    this.#addPortal(name, new Portal(name, prepared, bound, 0));
  }

  /** A cursor of SQL: what DECLARE said. */
  setCursor(prepared: Prepared, hold: boolean): void {
    prepared.epoch = this.epoch;
    this.#holds ||= hold;
    this.#addPortal(prepared.name, new Portal(prepared.name, prepared, null, 0, hold));
  }

  #addPortal(name: string, portal: Portal): void {
    const { bound } = portal;
    if (name === '') {
      this.#unnamed = portal;
      return;
    }
    const replaced = this.#portals.get(name);
    this.#boundBytes += (bound?.bytes ?? 0) - (replaced?.bound?.bytes ?? 0);
    if (replaced !== undefined) this.#portals.delete(name);
    this.#portals.set(name, portal);
    while (this.#portals.size > 1 && this.#overPortals()) this.#dropOldestPortal();
  }

  dropStatement(name: string): void {
    this.#textBytes -= textBytes(this.#statements.get(name));
    this.#textless.delete(name);
    if (this.#under === null) this.#statements.delete(name);
    else this.#statements.set(name, null);
  }

  dropPortal(name: string): void {
    if (name === '') {
      this.#unnamed = this.#under === null ? undefined : null;
      return;
    }
    this.#boundBytes -= this.#portals.get(name)?.bound?.bytes ?? 0;
    if (this.#under === null) this.#portals.delete(name);
    else this.#portals.set(name, null);
  }

  dropStatements(): void {
    this.#statements.clear();
    this.#textless.clear();
    this.#textBytes = 0;
  }

  dropPortals(): void {
    this.#unnamed = undefined;
    if (this.#portals.size > 0) this.#portals.clear();
    this.#boundBytes = 0;
    this.#holds = false;
  }

  /** A transaction ended: of its portals only those WITH HOLD stay, and none that it declared itself when it rolled back. */
  endPortals(committed: boolean): void {
    if (!this.#holds) {
      this.dropPortals();
      return;
    }
    this.#unnamed = undefined;
    this.#holds = false;
    for (const [name, portal] of this.#portals) {
      if (portal?.hold && (committed || portal.kept)) {
        portal.kept = true;
        this.#holds = true;
      } else this.dropPortal(name);
    }
  }

  /** Texts and values held; of an overlay its own alone. The same after a restart. */
  get bytes(): number {
    return this.#textBytes + this.#boundBytes;
  }

  /** Drops texts of the oldest statements, at least `bytes` of them or all. */
  dropTexts(bytes: number): void {
    if (this.#textBytes > 0) this.#shrink(Math.max(0, this.#textBytes - bytes));
  }

  #overPortals(): boolean {
    return this.#portals.size > this.#statementsMax || this.#boundBytes > portalBytesMax;
  }

  #dropOldestPortal(): void {
    for (const name of this.#portals.keys()) {
      this.dropPortal(name);
      // In an overlay the name stays as gone; it is bounded by the messages that wait.
      this.#portals.delete(name);
      return;
    }
  }

  /** Takes texts, then whole names, from the oldest on, until the bounds hold. */
  #shrink(textBytesMax: number): void {
    for (const [name, prepared] of this.#statements) {
      if (this.#textBytes <= textBytesMax && this.#statements.size <= this.#statementsMax) break;
      this.#statements.delete(name);
      this.#textBytes -= textBytes(prepared);
      if (prepared === null) continue;
      // A portal bound to it keeps its own text.
      this.#textless.set(name, withoutText(prepared));
    }
    for (const name of this.#textless.keys()) {
      if (this.#textless.size <= this.#statementsMax * namesPerText) break;
      this.#textless.delete(name);
    }
  }

  state(): NamesState {
    const prepared: Prepared[] = [];
    const numbers = new Map<Prepared, number>();
    const numberOf = (one: Prepared | null): number => {
      if (one === null) return -1;
      const known = numbers.get(one) ?? prepared.push(one) - 1;
      numbers.set(one, known);
      return known;
    };
    const statements = [...this.#statements].map(([name, one]): [string, number] => [name, numberOf(one)]);
    const textless = [...this.#textless].map(([name, one]): [string, number] => [name, numberOf(one)]);
    const all = [...this.#portals];
    if (this.#unnamed !== undefined) all.push(['', this.#unnamed]);
    const portals = all.map(([name, one]): NamesState['portals'][number] => [
      name,
      one === null
        ? null
        : {
            prepared: numberOf(one.prepared),
            bound: one.bound?.state() ?? null,
            firstN: one.firstN,
            ...(one.hold && { held: one.kept ? ('kept' as const) : ('open' as const) }),
          },
    ]);
    return { epoch: this.epoch, prepared: prepared.map((one) => one.state()), statements, textless, portals };
  }

  static of(state: NamesState, under: Names | null, statementsMax: number): Names {
    const names = new Names(under, statementsMax);
    names.epoch = state.epoch;
    const prepared = state.prepared.map((one) => Prepared.of(one));
    for (const [name, number] of state.statements) {
      const one = prepared[number] ?? null;
      names.#statements.set(name, one);
      names.#textBytes += textBytes(one);
    }
    for (const [name, number] of state.textless) {
      const one = prepared[number];
      if (one !== undefined) names.#textless.set(name, one);
    }
    for (const [name, one] of state.portals) {
      const bound = one?.bound == null ? null : BoundValues.of(one.bound);
      const statement = one === null ? undefined : prepared[one.prepared];
      const hold = one?.held !== undefined;
      const portal = one === null || !statement ? null : new Portal(name, statement, bound, one.firstN, hold);
      if (portal !== null) portal.kept = one?.held === 'kept';
      names.#holds ||= hold;
      if (name === '') names.#unnamed = portal;
      else {
        names.#portals.set(name, portal);
        names.#boundBytes += bound?.bytes ?? 0;
      }
    }
    return names;
  }
}
