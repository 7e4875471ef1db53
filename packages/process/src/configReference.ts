/**
 * Writes the reference of a configuration from its schema: the one source of keys, types, defaults and
 * meanings.
 */
import type { z } from 'zod';
import { environmentName } from './overlay.ts';
import { isGroup, keysIn, keyText, type Leaf, shapeOf, typeText } from './shape.ts';

/**
 * Markdown: a heading and a table of all keys, their types, defaults and descriptions. With `envPrefix` also
 * the variable that overrides each. Groups have a row only where they say something themselves.
 */
export function configReference(schema: z.ZodType, title: string, envPrefix?: string): string {
  const columns = ['Key', 'Type', 'Default', ...(envPrefix === undefined ? [] : ['Environment']), 'Meaning'];
  const rows = [columns, columns.map(() => '---')];
  for (const leaf of keysIn(shapeOf(schema))) {
    if (isGroup(leaf.shape) && leaf.shape.description === undefined) continue;
    rows.push(rowOf(leaf, envPrefix));
    for (const item of keysOfItems(leaf)) rows.push(rowOf(item, envPrefix, true));
  }
  return `# ${title}\n\n${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

/** Keys of a list's groups, as `callers[].name`; the environment sets the list as a whole. */
function keysOfItems({ path, shape, required }: Leaf): Leaf[] {
  const { items } = shape;
  if (items === undefined || !isGroup(items)) return [];
  return [
    ...keysIn(items, [...path.slice(0, -1), `${path.at(-1)}[]`], required || shape.default !== undefined),
  ];
}

function rowOf(leaf: Leaf, envPrefix: string | undefined, isOfItem = false): string[] {
  const { path, shape } = leaf;
  const group = isGroup(shape);
  const variable = group || isOfItem ? '' : `\`${environmentName(envPrefix ?? '', path)}\``;
  return [
    `\`${keyText(path)}\``,
    cell(typeText(shape)),
    group ? '' : defaultText(leaf),
    ...(envPrefix === undefined ? [] : [variable]),
    cell(shape.description ?? ''),
  ];
}

function defaultText({ shape, required }: Leaf): string {
  if (shape.default !== undefined) return cell(`\`${JSON.stringify(shape.default).replaceAll('`', "'")}\``);
  return required ? 'required' : 'none';
}

function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}
