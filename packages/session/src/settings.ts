/**
 * What a session has set: who it acts as, where it looks names up, how its texts are encoded and its strings
 * read. Follows SET and its undoing as far as they happen in the open; what may have happened elsewhere makes
 * it unknown, by name. Knows no message.
 */
import type { Unsure } from '@pgtape/evidence';
import type { SettingChange, SqlOptions } from '@pgtape/sql';
import { type Charset, charsetOf, utf8 } from './charset.ts';

export const standardLexing: SqlOptions = {};
/** `standard_conforming_strings` is off. */
export const escapedLexing: SqlOptions = { standardConformingStrings: false };

/** One state of what transactions can undo. Never changed, only replaced. */
interface Plane {
  /** The session user; null before the server told it. */
  readonly user: string | null;
  /** Null: none was set, the session user acts. */
  readonly role: string | null;
  readonly roleDoubt: Unsure | null;
  /** Null: neither reported nor set. */
  readonly path: string | null;
  readonly pathDoubt: Unsure | null;
}

/** What records say of it. */
export interface Surroundings {
  readonly role: string | undefined;
  readonly session_user: string | undefined;
  readonly search_path: string | undefined;
  readonly doubts: readonly Unsure[] | null;
}

interface Savepoint {
  readonly name: string;
  readonly session: Plane;
  readonly now: Plane;
}

export interface SettingsState {
  readonly login: string | null;
  readonly committed: Plane;
  readonly session: Plane;
  readonly now: Plane;
  readonly savepoints: readonly Savepoint[];
  readonly reportedPath: string | null;
  readonly escaped: boolean;
  readonly encoding: string;
  readonly unsettled: number;
  readonly since: boolean;
}

const blank: Plane = { user: null, role: null, roleDoubt: null, path: null, pathDoubt: null };
const savepointsMax = 1000;

export class Settings {
  /** Who logged in, as the server first told it. */
  #login: string | null = null;
  /** As the last transaction left it. */
  #committed = blank;
  /** With what the open transaction set for the session ... */
  #session = blank;
  /** ... and for itself. */
  #now = blank;
  #savepoints: Savepoint[] = [];
  /** As ParameterStatus last told it (PostgreSQL 18 and newer); null: the server does not report it. */
  #reportedPath: string | null = null;
  /** As ParameterStatus last told it. */
  lexing: SqlOptions = standardLexing;
  charset: Charset = utf8;
  /** Order of the last message in flight that may set something; 0: none is known. */
  unsettled = 0;
  /** Something was set, or undone, since the last ReadyForQuery: the server has not reported it yet. */
  since = false;
  /** For records; made anew when something changes. */
  told: Surroundings = toldOf(blank, null);

  /** Startup parameters that set what is never reported. */
  asked(role: string | null, searchPath: string | null, options: string): void {
    const plane: Plane = {
      ...this.#now,
      role,
      path: searchPath,
      roleDoubt: /role/i.test(options) ? 'role_not_followed' : null,
      pathDoubt: /search_path/i.test(options) ? 'search_path_hidden' : null,
    };
    this.#all(plane);
  }

  /** ParameterStatus: the truth about what it names. */
  reported(name: string, value: string): void {
    switch (name) {
      case 'standard_conforming_strings':
        this.lexing = value === 'off' ? escapedLexing : standardLexing;
        return;
      case 'client_encoding':
        this.charset = charsetOf(value);
        return;
      case 'search_path':
        this.#reportedPath = value;
        if (this.#now.path !== value || this.#now.pathDoubt !== null)
          this.#correct({ path: value, pathDoubt: null });
        return;
      case 'session_authorization':
        if (this.#login === null) {
          this.#login = value;
          this.#all({ ...this.#now, user: value });
        } else if (this.#now.user !== value) {
          // Whoever becomes another session user loses the role that was set.
          this.#correct({ user: value, role: null, roleDoubt: null });
        }
        return;
      default:
    }
  }

  /** A SET, RESET or DISCARD ALL that completed. */
  changed({ name, value, local }: SettingChange): void {
    this.since = true;
    switch (name) {
      case 'role':
        this.#set({ role: value, roleDoubt: null }, local);
        return;
      case 'session_authorization':
        this.#set({ user: value ?? this.#login, role: null, roleDoubt: null }, local);
        return;
      case 'search_path':
        this.#set({ path: value, pathDoubt: value === null ? 'search_path_hidden' : null }, local);
        return;
      case 'all':
        this.#set({ path: null, pathDoubt: 'search_path_hidden' }, false);
        return;
      default:
    }
  }

  /** DISCARD ALL: RESET ALL, and SET SESSION AUTHORIZATION DEFAULT before it. */
  discarded(): void {
    this.changed({ name: 'session_authorization', value: null, local: false });
    this.changed({ name: 'all', value: null, local: false });
  }

  /** Code that nobody has read ran: it may have set anything. */
  hidden(): void {
    this.since = true;
    this.#set({ roleDoubt: 'role_hidden', pathDoubt: 'search_path_hidden' }, false);
  }

  /** Messages went by unseen, and a transaction ended since: anything may be set, for good. */
  unseen(): void {
    this.#savepoints = [];
    this.unsettled = 0;
    this.#all({ ...this.#now, roleDoubt: 'role_hidden', pathDoubt: 'search_path_hidden' });
    this.since = false;
  }

  /** set_config ran: it sets what its arguments say, which is not evaluated. */
  configured(): void {
    this.since = true;
    this.#set({ roleDoubt: 'role_not_followed', pathDoubt: 'search_path_hidden' }, false);
  }

  /** The transaction committed: what it set for itself alone is undone. */
  committed(): void {
    if (this.#savepoints.length > 0) this.#savepoints = [];
    if (this.#now === this.#committed) return;
    this.#committed = this.#session;
    this.#replace(this.#session, this.#session);
  }

  /** A statement failed: the server undid the block, or its last subtransaction, at once. */
  failed(): void {
    const last = this.#savepoints[this.#savepoints.length - 1];
    this.#goBack(last?.session ?? this.#committed, last?.now ?? this.#committed);
  }

  rolledBack(): void {
    if (this.#savepoints.length > 0) this.#savepoints = [];
    this.#goBack(this.#committed, this.#committed);
  }

  /** Nobody knows which of both: where it had set something, that is unknown. */
  undecided(): void {
    this.#savepoints = [];
    if (isSame(this.#now, this.#committed) && isSame(this.#session, this.#committed)) return;
    this.since = true;
    this.#all({ ...this.#session, roleDoubt: 'role_not_followed', pathDoubt: 'search_path_hidden' });
  }

  savepoint(name: string): void {
    if (this.#savepoints.length >= savepointsMax) this.#savepoints.shift();
    this.#savepoints.push({ name, session: this.#session, now: this.#now });
  }

  rolledBackTo(name: string): void {
    const place = this.#savepoints.findLastIndex((one) => one.name === name);
    const found = this.#savepoints[place];
    if (found === undefined) {
      this.undecided();
      return;
    }
    this.#savepoints.length = place + 1;
    this.#goBack(found.session, found.now);
  }

  released(name: string): void {
    const place = this.#savepoints.findLastIndex((one) => one.name === name);
    if (place >= 0) this.#savepoints.length = place;
  }

  /** The ReadyForQuery that answered the message of this order came: what it set was reported before. */
  settled(order: number): void {
    this.since = false;
    if (this.#reportedPath !== null && this.#now.pathDoubt !== null) {
      this.#correct({ path: this.#reportedPath, pathDoubt: null });
    }
    if (order >= this.unsettled) this.unsettled = 0;
  }

  #goBack(session: Plane, now: Plane): void {
    if (isSame(this.#now, now) && isSame(this.#session, session)) return;
    this.since = true;
    this.#replace(session, now);
  }

  #set(change: Partial<Plane>, local: boolean): void {
    const isWhole = isSame(this.#now, this.#session);
    if (local) {
      this.#replace(this.#session, { ...this.#now, ...change });
      return;
    }
    const session = { ...this.#session, ...change };
    this.#replace(session, isWhole ? session : { ...this.#now, ...change });
  }

  /** The server says what is so now; what the session will keep of it follows where nothing is set locally. */
  #correct(change: Partial<Plane>): void {
    const now = { ...this.#now, ...change };
    if (isSame(this.#now, this.#committed)) this.#all(now);
    else this.#replace(isSame(this.#now, this.#session) ? now : this.#session, now);
  }

  #all(plane: Plane): void {
    this.#committed = plane;
    this.#replace(plane, plane);
  }

  #replace(session: Plane, now: Plane): void {
    this.#session = session;
    this.#now = now;
    this.told = toldOf(now, this.#login);
  }

  state(): SettingsState {
    return {
      login: this.#login,
      committed: this.#committed,
      session: this.#session,
      now: this.#now,
      savepoints: [...this.#savepoints],
      reportedPath: this.#reportedPath,
      escaped: this.lexing === escapedLexing,
      encoding: this.charset.name,
      unsettled: this.unsettled,
      since: this.since,
    };
  }

  static of(state: SettingsState): Settings {
    const settings = new Settings();
    settings.#login = state.login;
    settings.#committed = state.committed;
    settings.#savepoints = [...state.savepoints];
    settings.#reportedPath = state.reportedPath;
    settings.#replace(state.session, state.now);
    settings.lexing = state.escaped ? escapedLexing : standardLexing;
    settings.charset = charsetOf(state.encoding);
    settings.unsettled = state.unsettled;
    settings.since = state.since;
    return settings;
  }
}

function isSame(one: Plane, other: Plane): boolean {
  return (
    one === other ||
    (one.user === other.user &&
      one.role === other.role &&
      one.roleDoubt === other.roleDoubt &&
      one.path === other.path &&
      one.pathDoubt === other.pathDoubt)
  );
}

function toldOf({ user, role, roleDoubt, path, pathDoubt }: Plane, login: string | null): Surroundings {
  const doubts: Unsure[] = [];
  if (roleDoubt !== null) doubts.push(roleDoubt);
  // Where it was never known there is nothing to doubt.
  if (pathDoubt !== null && path !== null) doubts.push(pathDoubt);
  return {
    role: roleDoubt === null ? (role ?? user ?? undefined) : undefined,
    session_user: user !== null && user !== login ? user : undefined,
    search_path: pathDoubt === null ? (path ?? undefined) : undefined,
    doubts: doubts.length === 0 ? null : doubts,
  };
}
