/**
 * PostgreSQL's client encodings and how their bytes become text. Knows names and bytes, no message.
 * Source: PostgreSQL documentation, "Character Set Support"; labels of the WHATWG Encoding standard.
 */

import { charactersApart } from './charactersApart.ts';

/** A client encoding. */
export interface Charset {
  /** As ParameterStatus says it. */
  readonly name: string;
  /** Label of its decoder; null: there is none, only ASCII can be read. */
  readonly label: string | null;
}

export const utf8: Charset = { name: 'UTF8', label: 'utf-8' };

/**
 * Labels that stand for PostgreSQL's encodings. `latin1` is Node's own: the standard's label of that name is
 * windows-1252. EUC_CN is a part of gbk. Node reads less of some than the standard has: see `charactersApart`.
 */
const labels: Readonly<Record<string, string>> = {
  BIG5: 'big5',
  EUC_CN: 'gbk',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  GB18030: 'gb18030',
  GBK: 'gbk',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  LATIN1: 'latin1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'windows-1254',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  SJIS: 'shift_jis',
  UHC: 'euc-kr',
  UTF8: 'utf-8',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
};

/** Bytes that PostgreSQL reads otherwise than the standard: 80 to 9f of LATIN5 are controls, two of KOI8U draw boxes. */
const exceptions: Readonly<Record<string, ReadonlyMap<number, string>>> = {
  LATIN5: new Map(Array.from({ length: 32 }, (_, place) => [128 + place, String.fromCharCode(128 + place)])),
  KOI8U: new Map([
    [0xae, '\u255d'],
    [0xbe, '\u256c'],
  ]),
};

const known = new Map<string, Charset>([[utf8.name, utf8]]);
const nameMax = 64;
const knownMax = 256;

/** @param name as ParameterStatus says it; SQL_ASCII, MULE_INTERNAL, EUC_TW, JOHAB ... have no decoder */
export function charsetOf(name: string): Charset {
  const found = known.get(name);
  if (found !== undefined) return found;
  const label = Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
  const made: Charset = { name: name.slice(0, nameMax), label };
  if (known.size < knownMax) known.set(name, made);
  return made;
}

const decoders = new Map<string, TextDecoder>();

function decoderOf(label: string): TextDecoder {
  const found = decoders.get(label);
  if (found !== undefined) return found;
  const made = new TextDecoder(label, { ignoreBOM: true });
  decoders.set(label, made);
  return made;
}

const replacement = '\ufffd';
const toText = Buffer.prototype.toString;

export interface Decoded {
  readonly text: string;
  /** False where bytes stand for no character: U+FFFD is in their place. */
  readonly isExact: boolean;
}

/** @param isCut the bytes may end within a character, which is then left out */
export function decodeText({ name, label }: Charset, bytes: Uint8Array, isCut: boolean): Decoded {
  if (label === 'latin1') return { text: toText.call(bytes, 'latin1'), isExact: true };
  // Without a decoder UTF-8 is the likeliest: it is told as a guess.
  const decoder = decoderOf(label ?? 'utf-8');
  const apart = label === null || label === 'utf-8' ? null : charactersApart(name);
  if (apart !== null) return byCharacter(decoder, name, bytes, isCut, apart);
  const text = decoder.decode(bytes, { stream: isCut });
  if (isCut) decoder.decode();
  const others = Object.hasOwn(exceptions, name) ? exceptions[name] : undefined;
  if (others !== undefined) return byByte(text, bytes, others);
  return { text, isExact: !text.includes(replacement) || Buffer.from(text).equals(bytes) };
}

/** Bytes of the character at `at`, by its first ones. */
function lengthAt(name: string, bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80 || (name === 'SJIS' && lead >= 0xa1 && lead <= 0xdf)) return 1;
  if (name === 'EUC_JP' && lead === 0x8f) return 3;
  const second = bytes[at + 1] ?? 0;
  return name === 'GB18030' && second >= 0x30 && second <= 0x39 ? 4 : 2;
}

/** As the decoder reads it, but for the characters that stand apart. */
function byCharacter(
  decoder: TextDecoder,
  name: string,
  bytes: Uint8Array,
  isCut: boolean,
  apart: ReadonlyMap<number, string>,
): Decoded {
  let text = '';
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(name, bytes, at);
    if (isCut && at + length > bytes.length) return ended(text + decoder.decode(bytes.subarray(from, at)));
    let code = 0;
    for (let place = 0; place < length; place += 1) code = code * 256 + (bytes[at + place] ?? 0);
    const other = apart.get(code);
    if (other !== undefined) {
      text += decoder.decode(bytes.subarray(from, at)) + other;
      from = at + length;
    }
    at += length;
  }
  return ended(text + decoder.decode(bytes.subarray(from)));
}

const ended = (text: string): Decoded => ({ text, isExact: !text.includes(replacement) });

/** One character a byte, some of them others. */
function byByte(text: string, bytes: Uint8Array, others: ReadonlyMap<number, string>): Decoded {
  let made = '';
  for (let at = 0; at < bytes.length; at += 1) made += others.get(bytes[at]!) ?? text[at] ?? replacement;
  return { text: made, isExact: !made.includes(replacement) };
}

/** A body of ASCII codes, zeros and texts, such as an error's, in UTF-8. */
export function inUtf8(charset: Charset, body: Uint8Array): Uint8Array {
  return charset === utf8 ? body : Buffer.from(decodeText(charset, body, false).text);
}
