/**
 * Owns decoding `tsvector` and `tsquery`. Source: `tsvectorrecv`, `tsvectorout` of
 * `src/backend/utils/adt/tsvector.c`, `tsqueryrecv`, `infix` of `tsquery.c`.
 */
import { isUtf8 } from 'node:buffer';
import type { Cursor } from '../cursor.ts';
import { isFull, refuse, type ValueDecoder } from './valueDecoder.ts';

const weights = ['', 'C', 'B', 'A'] as const;
/** `MAXSTRLEN`: bytes of a lexeme. */
const lexemeBytesMax = 2047;
/** `MAXNUMPOS`. */
const positionsMax = 256;

function lexeme(cursor: Cursor): string {
  const start = cursor.position;
  const word = cursor.cstring();
  const end = cursor.position - 1;
  if (cursor.failed || end - start > lexemeBytesMax || !isUtf8(cursor.bytes.subarray(start, end)))
    return refuse(cursor);
  return `'${word.replace(/['\\]/g, '$&$&')}'`;
}

/** Positions in growing order, each with its weight in the two highest bits. */
function positions(cursor: Cursor): string {
  let list = '';
  let before = -1;
  let left = cursor.uint16();
  if (left > positionsMax) return refuse(cursor);
  for (; left > 0 && !cursor.failed; left -= 1) {
    const entry = cursor.uint16();
    const position = entry & 0x3fff;
    if (position <= before) return refuse(cursor);
    list += `${before < 0 ? ':' : ','}${position}${weights[entry >>> 14]!}`;
    before = position;
  }
  return list;
}

/** Lexemes in the order sent; the server would sort them. */
export const tsvector: ValueDecoder = (cursor, context) => {
  const lexemes = cursor.int32();
  // A lexeme takes at least its terminator and its number of positions.
  if (lexemes < 0 || lexemes * 3 > cursor.rest) return refuse(cursor);
  let text = '';
  for (let i = 0; i < lexemes && !cursor.failed; i += 1) {
    if (i > 0) text += ' ';
    text += lexeme(cursor);
    text += positions(cursor);
    if (isFull(text, cursor, context)) break;
  }
  return text;
};

/** `QI_VAL`, `QI_OPR`. */
const nodeType = { operand: 1, operator: 2 } as const;
/** `OP_NOT`, `OP_AND`, `OP_OR`, `OP_PHRASE`. */
const operator = { not: 1, and: 2, or: 3, phrase: 4 } as const;
/** `tsearch_op_priority`, by operator; an operand (0) never needs parentheses. */
const priorities = [9, 4, 2, 1, 3] as const;

const queryWeights = [
  [8, 'A'],
  [4, 'B'],
  [2, 'C'],
  [1, 'D'],
] as const;

interface QueryNode {
  /** Of an operator; 0 for an operand. */
  readonly operator: number;
  /** Of `phrase`. */
  readonly distance: number;
  /** As printed: an operand at once, an operator when its operands are known. */
  readonly text: string;
}

function operand(cursor: Cursor): QueryNode {
  const mask = cursor.uint8();
  const prefix = cursor.uint8() !== 0;
  let text = lexeme(cursor);
  if (mask > 0xf) refuse(cursor);
  if (mask !== 0 || prefix) text += prefix ? ':*' : ':';
  for (const [bit, weight] of queryWeights) if ((mask & bit) !== 0) text += weight;
  return { operator: 0, distance: 0, text };
}

function queryNode(cursor: Cursor): QueryNode {
  const type = cursor.uint8();
  if (type === nodeType.operand) return operand(cursor);
  const code = cursor.uint8();
  const known = type === nodeType.operator && code >= operator.not && code <= operator.phrase;
  const distance = code === operator.phrase ? cursor.int16() : 0;
  if (!known) refuse(cursor);
  return { operator: code, distance, text: '' };
}

function inParentheses(node: QueryNode, isNeeded: boolean): string {
  return isNeeded ? `( ${node.text} )` : node.text;
}

function combined(node: QueryNode, right: QueryNode, left: QueryNode | undefined): QueryNode {
  const { operator: code, distance } = node;
  const priority = priorities[code]!;
  const isLower = (child: QueryNode): boolean => priorities[child.operator]! < priority;
  if (left === undefined) return { ...node, text: `!${inParentheses(right, isLower(right))}` };
  // Where a phrase is the right side of a phrase, the distances would mean something else without them.
  const isPhrases = code === operator.phrase && right.operator === operator.phrase;
  const sign =
    code === operator.and ? '&' : code === operator.or ? '|' : distance === 1 ? '<->' : `<${distance}>`;
  const leftText = inParentheses(left, isLower(left));
  return { ...node, text: `${leftText} ${sign} ${inParentheses(right, isLower(right) || isPhrases)}` };
}

/** Operators stand before their operands, the right one first. */
export const tsquery: ValueDecoder = (cursor) => {
  const count = cursor.int32();
  // A node takes at least two bytes.
  if (count < 0 || count * 2 > cursor.rest) return refuse(cursor);
  const nodes: QueryNode[] = [];
  for (let i = 0; i < count && !cursor.failed; i += 1) nodes.push(queryNode(cursor));
  const done: QueryNode[] = [];
  for (let at = nodes.length - 1; at >= 0 && !cursor.failed; at -= 1) {
    const node = nodes[at]!;
    const operands = node.operator === 0 ? 0 : node.operator === operator.not ? 1 : 2;
    if (done.length < operands) return refuse(cursor);
    if (operands === 0) done.push(node);
    else done.push(combined(node, done.pop()!, operands === 2 ? done.pop() : undefined));
  }
  if (done.length > 1) return refuse(cursor);
  return done[0]?.text ?? '';
};
