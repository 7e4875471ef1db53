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
  }
  return `# ${title}\n\n${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function rowOf(leaf: Leaf, envPrefix: string | undefined): string[] {
  const { path, shape } = leaf;
  const group = isGroup(shape);
  const variable = group ? '' : `\`${environmentName(envPrefix ?? '', path)}\``;
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
