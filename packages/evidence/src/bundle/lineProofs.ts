/** Inclusion proofs of many lines of one segment: the tree's rows are made once. Knows hashes only. */
import { leafHash, nodeHash } from '@pgtape/tlog';

/** The tree of RFC 6962 over `leaves` (leaf hashes), row by row: a last node without a neighbour moves up as it is. */
export class SegmentTree {
  readonly #rows: Uint8Array[][];

  constructor(leaves: readonly Uint8Array[]) {
    let row = [...leaves];
    this.#rows = [row];
    while (row.length > 1) {
      const above: Uint8Array[] = [];
      for (let i = 0; i + 1 < row.length; i += 2) above.push(nodeHash(row[i]!, row[i + 1]!));
      if (row.length % 2 === 1) above.push(row.at(-1)!);
      this.#rows.push(above);
      row = above;
    }
  }

  /** Of the lines themselves. */
  static ofLines(lines: readonly Uint8Array[]): SegmentTree {
    return new SegmentTree(lines.map(leafHash));
  }

  leaf(index: number): Uint8Array {
    return this.#rows[0]![index]!;
  }

  /** PATH of leaf `index` (RFC 6962 2.1.1), from the sibling upwards. */
  proof(index: number): Uint8Array[] {
    const path: Uint8Array[] = [];
    let at = index;
    for (const row of this.#rows) {
      const sibling = row[at ^ 1];
      if (sibling !== undefined && row.length > 1) path.push(sibling);
      at >>= 1;
    }
    return path;
  }
}
