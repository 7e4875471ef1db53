/** The name somebody probably meant. */

/** The nearest of `names` by edit distance with transpositions, if near enough; undefined otherwise. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const typed = plain(name);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1;
  if (typed.length > 64) return undefined;
  for (const candidate of names) {
    const wanted = plain(candidate);
    if (Math.abs(wanted.length - typed.length) >= bestDistance) continue;
    const distance = editDistance(typed, wanted);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Capitals and separators are what people mistake most: `max_bytes`, `maxBytes`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
