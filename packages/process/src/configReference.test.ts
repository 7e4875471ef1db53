import { z } from 'zod';
import { configReference } from './configReference.ts';

const schema = z.strictObject({
  name: z.string().min(1).default('a|b').describe('Name.\nTwo lines, a | in it.'),
  upstream: z.strictObject({ port: z.int().min(1).max(65_535).describe('Port.') }).prefault({} as never),
  health: z
    .strictObject({ port: z.int().default(1).describe('Its port.') })
    .optional()
    .describe('Absent: none.'),
  level: z.enum(['info', 'warn']).default('info'),
  rate: z.number().positive().optional(),
  hosts: z.array(z.url()).default([]),
  callers: z
    .array(z.strictObject({ name: z.string().describe('Who.'), may: z.string().optional() }))
    .default([]),
  labels: z.record(z.string(), z.string()).optional(),
  id: z.string().regex(/^a$/),
  size: z.union([z.int().min(1), z.literal('auto')]).default('auto'),
});

describe('configReference', () => {
  it('has every key', () => {
    expect(configReference(schema, 'Recorder')).toBe(`# Recorder

| Key | Type | Default | Meaning |
| --- | --- | --- | --- |
| \`name\` | text, not empty | \`"a\\|b"\` | Name. Two lines, a \\| in it. |
| \`upstream.port\` | integer from 1 to 65535 | required | Port. |
| \`health\` | group of keys |  | Absent: none. |
| \`health.port\` | integer | \`1\` | Its port. |
| \`level\` | info \\| warn | \`"info"\` |  |
| \`rate\` | number greater than 0 | none |  |
| \`hosts\` | list of URL | \`[]\` |  |
| \`callers\` | list of group of keys | \`[]\` |  |
| \`callers[].name\` | text | required | Who. |
| \`callers[].may\` | text | none |  |
| \`labels\` | map of names to text | none |  |
| \`id\` | text matching /^a$/ | required |  |
| \`size\` | integer at least 1 or auto | \`"auto"\` |  |
`);
  });

  it('names the variables where asked', () => {
    const small = z.object({
      connectTimeoutMs: z.int().default(1),
      tls: z.object({ caFile: z.string() }).optional(),
    });
    expect(configReference(small, 'X', 'PGTAPE_X_')).toBe(`# X

| Key | Type | Default | Environment | Meaning |
| --- | --- | --- | --- | --- |
| \`connectTimeoutMs\` | integer | \`1\` | \`PGTAPE_X_CONNECT_TIMEOUT_MS\` |  |
| \`tls.caFile\` | text | none | \`PGTAPE_X_TLS_CA_FILE\` |  |
`);
  });
});
