/**
 * For fuzzing: inputs out of a seed and a number, the same ones always: raw bytes, frames of every kind, sessions whose replies mostly fit
 * and sometimes do not, and pieces of the corpus changed a little.
 */
import { inputBytesMax, sessionEvent, targets } from './fuzzTargets.testing.ts';

/** Small, fast, and good enough: `sfc32`. */
export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, index: number) {
    this.#a = seed | 0;
    this.#b = index | 0;
    this.#c = (seed ^ 0x9e_37_79_b9) | 0;
    for (let turn = 0; turn < 12; turn += 1) this.next();
  }

  /** 0 ... 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  below(bound: number): number {
    return this.next() % bound;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

const int16 = (value: number): Buffer => Buffer.of((value >> 8) & 255, value & 255);
const int32 = (value: number): Buffer =>
  Buffer.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');

function bytesOf(dice: Dice, max: number): Buffer {
  const bytes = Buffer.alloc(dice.below(max + 1));
  // Zeros and small numbers are what lengths and counts are made of.
  for (let at = 0; at < bytes.length; at += 1)
    bytes[at] = dice.chance(40) ? dice.one([0, 0, 0, 1, 2, 4, 255]) : dice.below(256);
  return bytes;
}

const numbers16 = [0, 1, 2, 3, 255, 256, 0x7f_ff, 0x80_00, 0xff_ff];
const numbers32 = [
  0, 1, 3, 4, 5, 8, 255, -1, -2, 0x7f_ff_ff_ff, -0x80_00_00_00, 0x3f_ff_ff_ff, 10_000, 10_001,
];
const names = ['', '', 's', 'p', 'a name', 'x'.repeat(300), '\xff\xfe', '__proto__'];
const sqls = [
  'select 1',
  'select $1, $2',
  '',
  ';',
  'begin',
  'commit',
  'rollback',
  'rollback to a',
  'savepoint a',
  'release a',
  'begin; insert into t values (1); commit',
  'select 1; selec; select 3',
  "select 'a''b', $$x;y$$, E'\\'', \"q\" -- c",
  "alter role r password 'secret'",
  'copy t from stdin',
  'copy t to stdout',
  'prepare s as select 1',
  'execute s',
  'deallocate s',
  'deallocate all',
  'declare p cursor for select 1',
  'close all',
  'discard all',
  "prepare transaction 'g'",
  "commit prepared 'g'",
  'START_REPLICATION SLOT s LOGICAL 0/0',
  'call p()',
  '/* open',
  "'open",
  '$tag$open',
  'x'.repeat(400),
  'é\xff',
];
const tagsOfCommands = [
  'SELECT 1',
  'INSERT 0 1',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT',
  'RELEASE',
  'COPY 2',
  'PREPARE',
  'DEALLOCATE',
  'DEALLOCATE ALL',
  'DISCARD ALL',
  'DECLARE CURSOR',
  'CLOSE CURSOR ALL',
  'PREPARE TRANSACTION',
  'COMMIT PREPARED',
  'SET',
  'CALL',
  'SELECT 99999999999999999999',
  '',
  'INSERT',
];
const sqlstates = ['42601', '57014', '25P02', '08P01', '23505', 'X', ''];

function values(dice: Dice): Buffer {
  const count = dice.below(5);
  const parts = [int16(dice.chance(90) ? dice.one([0, 0, 1, count]) : dice.one(numbers16))];
  for (let n = dice.below(3); n > 0; n -= 1) parts.push(int16(dice.below(3)));
  parts.push(int16(dice.chance(90) ? count : dice.one(numbers16)));
  for (let n = 0; n < count; n += 1) {
    const value = bytesOf(dice, 12);
    parts.push(int32(dice.chance(85) ? value.length : dice.one(numbers32)), value);
  }
  if (dice.chance(80)) parts.push(int16(0));
  return Buffer.concat(parts);
}

/** Body of a message of the client, well-formed more often than not. */
function frontendBody(dice: Dice, letter: string): Buffer {
  if (dice.chance(8)) return bytesOf(dice, 40);
  switch (letter) {
    case 'Q':
    case 'f':
      return text(dice.one(sqls));
    case 'P':
      return Buffer.concat([
        text(dice.one(names)),
        text(dice.one(sqls)),
        int16(1),
        int32(dice.one([0, 23, 25, 99_999])),
      ]);
    case 'B':
      return Buffer.concat([text(dice.one(names)), text(dice.one(names)), values(dice)]);
    case 'D':
    case 'C':
      return Buffer.concat([Buffer.from(dice.one(['S', 'P', 'S', 'P', 'X'])), text(dice.one(names))]);
    case 'E':
      return Buffer.concat([text(dice.one(names)), int32(dice.one([0, 0, 1, -1]))]);
    case 'F':
      return Buffer.concat([int32(dice.one([1397, 0, -1])), values(dice)]);
    case 'd':
      return bytesOf(dice, 30);
    default:
      return Buffer.alloc(0);
  }
}

const errorBody = (dice: Dice, severity: string): Buffer =>
  Buffer.concat([text(`V${severity}`), text(`C${dice.one(sqlstates)}`), text('Mno'), Buffer.of(0)]);

function backendBody(dice: Dice, letter: string): Buffer {
  if (dice.chance(6)) return bytesOf(dice, 40);
  switch (letter) {
    case 'C':
      return text(dice.one(tagsOfCommands));
    case 'Z':
      return Buffer.from(dice.one(['I', 'I', 'I', 'T', 'E', 'x']));
    case 'E':
    case 'N':
      return errorBody(dice, dice.one(['ERROR', 'ERROR', 'ERROR', 'FATAL', 'PANIC']));
    case 'S':
      return Buffer.concat([
        text(dice.one(['standard_conforming_strings', 'client_encoding', 'a'])),
        text(dice.one(['on', 'off', 'UTF8'])),
      ]);
    case 'R':
      return Buffer.concat([int32(dice.one([0, 3, 5, 10, 11, 12, 77])), bytesOf(dice, 8)]);
    case 'K':
      return bytesOf(dice, 12);
    case 't':
      return Buffer.concat([int16(2), int32(23), int32(25)]);
    case 'T':
      return Buffer.concat([int16(1), text('a'), Buffer.alloc(18)]);
    case 'G':
    case 'H':
    case 'W':
      return Buffer.concat([Buffer.of(dice.below(2)), int16(dice.one(numbers16))]);
    case 'A':
      return Buffer.concat([int32(1), text('news'), text('')]);
    case 'V':
      return int32(-1);
    default:
      return Buffer.alloc(0);
  }
}

const frontendLetters = [...'QQPPBBEEESSDCHFdcfXp'];
const backendLetters = [...'123ACDEGHIKNRSTVWZcdnstv'];

function frames(dice: Dice, isFrontend: boolean): Buffer {
  const parts: Buffer[] = [];
  for (let n = dice.below(12); n > 0; n -= 1) {
    const letter = dice.one(isFrontend ? frontendLetters : backendLetters);
    const body = dice.chance(5)
      ? Buffer.alloc(dice.below(500), 7)
      : isFrontend
        ? frontendBody(dice, letter)
        : backendBody(dice, letter);
    const length = dice.chance(94) ? body.length + 4 : dice.one(numbers32);
    parts.push(Buffer.of(dice.chance(97) ? letter.charCodeAt(0) : dice.below(256)), int32(length), body);
  }
  return Buffer.concat(parts);
}

/** A message of the client that waits, and what it is answered with. */
interface Owed {
  readonly letter: string;
  /** In the order of the wire. */
  replies: string;
}

/** What a server would answer, one of the possible ways. */
function answers(dice: Dice, letter: string, body: Buffer, copies: boolean): string {
  switch (letter) {
    case 'P':
      return dice.one(['1', '1', '1', '1', 'E']);
    case 'B':
      return dice.one(['2', '2', '2', '2', 'E']);
    case 'C':
      return body[0] === 0x53 || body[0] === 0x50 ? '3' : 'E';
    case 'D':
      return dice.one(body[0] === 0x53 ? ['tT', 'tn', 'tT', 'E'] : ['T', 'n', 'T', 'E']);
    case 'E':
      return copies
        ? dice.one(['GC', 'GC', 'GE', 'E'])
        : dice.one(['C', 'C', 'DC', 'DDs', 's', 'I', 'E', 'DE', 'HddcC', 'HdE']);
    case 'Q':
      if (copies) return dice.one(['GCZ', 'GEZ', 'EZ', 'CGCCZ']);
      return dice.one(['CZ', 'TDCZ', 'TDCTCZ', 'CCCZ', 'EZ', 'CEZ', 'TDEZ', 'IZ', 'HdcCZ', 'NCSZ', 'TDTDCZ']);
    case 'F':
      return dice.one(['VZ', 'EZ']);
    case 'S':
      return dice.one(['Z', 'Z', 'Z', 'Z', 'EZ']);
    default:
      return '';
  }
}

/** Both sides of a session: the server's half answers in order, some time later, and errs now and then. */
class SessionScript {
  readonly #dice: Dice;
  readonly #parts: Buffer[] = [];
  readonly #owed: Owed[] = [];
  #skips = false;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  say(kind: number, letter: string, body: Buffer): void {
    const step = this.#dice.chance(85) ? 1 : this.#dice.below(16);
    this.#parts.push(
      Buffer.concat([Buffer.of(kind | (step << 4), letter.charCodeAt(0)), int16(body.length), body]),
    );
  }

  client(): void {
    const dice = this.#dice;
    const letter = dice.one(frontendLetters);
    const body = frontendBody(dice, letter);
    const kind =
      letter === 'd'
        ? sessionEvent.frontendCounted
        : dice.chance(98)
          ? sessionEvent.frontend
          : sessionEvent.frontendCut;
    this.say(kind, letter, body);
    const copies = (letter === 'E' || letter === 'Q') && dice.chance(15);
    if (copies) this.#copyIn();
    this.#owe(letter, answers(dice, letter, body, copies));
  }

  #copyIn(): void {
    const dice = this.#dice;
    if (dice.chance(30)) {
      this.say(sessionEvent.frontend, 'S', Buffer.alloc(0));
      if (dice.chance(50)) this.#owe('S', 'Z');
    }
    this.say(sessionEvent.frontendCounted, 'd', Buffer.alloc(dice.below(4)));
    this.say(sessionEvent.frontend, dice.one(['c', 'c', 'f']), text(''));
  }

  #owe(letter: string, replies: string): void {
    if (this.#skips && letter !== 'S') return;
    this.#skips = false;
    if (replies !== '') this.#owed.push({ letter, replies });
  }

  server(): void {
    const head = this.#owed[0];
    if (head === undefined) return;
    const letter = head.replies.charAt(0);
    head.replies = head.replies.slice(1);
    this.reply(letter);
    if (letter === 'E' && 'PBDEC'.includes(head.letter)) this.#skip();
    else if (head.replies === '') this.#owed.shift();
  }

  /** An error of the extended protocol: nothing is answered up to the next Sync. */
  #skip(): void {
    const sync = this.#owed.findIndex(({ letter }) => letter === 'S');
    this.#owed.splice(0, sync < 0 ? this.#owed.length : sync);
    this.#skips = sync < 0;
  }

  reply(letter: string): void {
    const dice = this.#dice;
    const kind = letter === 'D' || letter === 'd' ? sessionEvent.backendCounted : sessionEvent.backend;
    if (letter === 'Z' && dice.chance(97))
      this.say(kind, letter, Buffer.from(dice.one(['I', 'I', 'T', 'E'])));
    else if (letter === 'E' && dice.chance(97)) this.say(kind, letter, errorBody(dice, 'ERROR'));
    else this.say(kind, letter, backendBody(dice, letter));
  }
}

/** Now and then something is left out, doubled or foreign. */
function sessionOf(dice: Dice): Buffer {
  const script = new SessionScript(dice);
  if (dice.chance(95)) {
    for (const letter of 'RSK') script.reply(letter);
    script.say(sessionEvent.backend, 'Z', Buffer.from('I'));
  }
  const noise = dice.one([0, 0, 1, 5]);
  for (let n = dice.below(90); n > 0; n -= 1) {
    const roll = dice.below(100);
    if (roll < 35) script.client();
    else if (roll < 93) script.server();
    else if (roll < 98) {
      const kind = dice.one([
        sessionEvent.tick,
        sessionEvent.tick,
        sessionEvent.restore,
        sessionEvent.startup,
      ]);
      script.say(kind, 'x', kind === sessionEvent.startup ? bytesOf(dice, 40) : Buffer.alloc(0));
    } else script.reply(dice.one(['N', 'A', 'S']));
    if (!dice.chance(noise)) continue;
    const letter = dice.one(backendLetters);
    const kinds = [
      sessionEvent.backend,
      sessionEvent.backend,
      sessionEvent.backendCut,
      sessionEvent.lost,
      sessionEvent.close,
    ];
    script.say(dice.one(kinds), letter, backendBody(dice, letter));
  }
  return script.bytes();
}

const oids = [
  16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 30, 114, 142, 600, 601, 602, 603, 604, 628, 650, 700, 701,
  718, 774, 790, 829, 869, 1007, 1009, 1016, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1231, 1266, 1560, 1562,
  1700, 2249, 2278, 2950, 2970, 3220, 3614, 3615, 3802, 3904, 3905, 3906, 3907, 4072, 4451, 4536, 5038, 5069,
  99_999,
];

function startupOf(dice: Dice): Buffer {
  const body = Buffer.concat([
    int32(dice.one([196_608, 196_610, 80_877_102, 80_877_103, 80_877_104, 131_072, -1])),
    ...Array.from({ length: dice.below(5) }, () =>
      text(dice.one(['user', 'database', 'replication', 'options', '__proto__', '', 'true'])),
    ),
    dice.chance(80) ? Buffer.of(0) : bytesOf(dice, 5),
  ]);
  return Buffer.concat([int32(dice.chance(80) ? body.length + 4 : dice.one(numbers32)), body]);
}

function changed(dice: Dice, input: Uint8Array): Buffer {
  const bytes = Buffer.from(input);
  for (let n = 1 + dice.below(4); n > 0 && bytes.length > 1; n -= 1) {
    const at = 1 + dice.below(bytes.length - 1);
    if (dice.chance(50)) bytes[at] = dice.below(256);
    else bytes[at] = dice.one([0, 1, 255, 127, 128]);
  }
  return dice.chance(30) ? bytes.subarray(0, 1 + dice.below(bytes.length)) : bytes;
}

/** The input of that number; its first byte is its target. */
export function inputOf(seed: number, index: number, corpus: readonly Uint8Array[]): Uint8Array {
  const dice = new Dice(seed, index);
  if (corpus.length > 0 && dice.chance(15)) return changed(dice, dice.one(corpus)).subarray(0, inputBytesMax);
  const place = dice.below(targets.length);
  const isRaw = dice.chance(15);
  let body: Buffer;
  switch (targets[place]) {
    case 'frontend':
    case 'backend':
      body = isRaw ? bytesOf(dice, 200) : frames(dice, targets[place] === 'frontend');
      break;
    case 'startup':
      body = isRaw ? bytesOf(dice, 40) : startupOf(dice);
      break;
    case 'message': {
      const isFrontend = dice.chance(50);
      const letter = dice.one(isFrontend ? frontendLetters : backendLetters);
      const rest = isRaw
        ? bytesOf(dice, 80)
        : isFrontend
          ? frontendBody(dice, letter)
          : backendBody(dice, letter);
      body = Buffer.concat([Buffer.from(letter), rest]);
      break;
    }
    case 'value':
      body = Buffer.concat([
        int32(dice.one(oids)),
        Buffer.of(dice.below(2)),
        bytesOf(dice, dice.one([8, 16, 60, 300])),
      ]);
      break;
    default:
      body = isRaw ? bytesOf(dice, 300) : sessionOf(dice);
  }
  return Buffer.concat([Buffer.of(place), body]).subarray(0, inputBytesMax);
}
