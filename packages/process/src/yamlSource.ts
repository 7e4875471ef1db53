/** A YAML 1.2 text as a value, and where in it each key stands. Refuses to know what the keys mean. */
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ConfigError, type ConfigProblem } from './configError.ts';
import type { KeyPath } from './shape.ts';

/** Aliases resolved at most: enough for anchors people write, too few for a bomb. */
const ALIASES_MAX = 100;

export class YamlSource {
  readonly value: unknown;
  readonly #path: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  /** @throws ConfigError where the text is no YAML, with every place. */
  constructor(path: string, text: string) {
    this.#path = path;
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
    const problems: ConfigProblem[] = [...this.#document.errors, ...this.#document.warnings].map((error) => ({
      where: this.#where(error.pos[0]),
      key: '',
      problem: `not readable as YAML: ${error.message}`,
    }));
    if (problems.length > 0) throw new ConfigError(problems);
    try {
      this.value = this.#document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (error) {
      throw new ConfigError([
        { where: this.#where(0), key: '', problem: `not readable as YAML: ${(error as Error).message}` },
      ]);
    }
  }

  /** Where the value of the key stands; of the nearest key above it where it is not written. */
  valueAt(path: KeyPath): string {
    return this.#where(this.#offset(path, false));
  }

  /** Where the key itself stands. */
  keyAt(path: KeyPath): string {
    return this.#where(this.#offset(path, true));
  }

  #offset(path: KeyPath, wantKey: boolean): number {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const [depth, part] of path.entries()) {
      const last = depth === path.length - 1;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
        if (pair === undefined) return offset;
        const key = startOf(pair.key) ?? offset;
        offset = last && wantKey ? key : (startOf(pair.value) ?? key);
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        offset = startOf(node) ?? offset;
      } else return offset;
    }
    return offset;
  }

  #where(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
