import { z } from 'zod';
import { loadConfig } from './config.ts';
import { ConfigError } from './configError.ts';
import type { Environment } from './overlay.ts';

const port = z.int().min(0).max(65_535);
const Schema = z.strictObject({
  name: z.string().min(1).default('recorder'),
  upstream: z.strictObject({
    host: z.string(),
    port: port.default(5432),
    connectTimeoutMs: z.int().positive().default(10_000),
  }),
  health: z.object({ host: z.string().default('127.0.0.1'), port: port.default(7419) }).optional(),
  log: z.strictObject({ level: z.enum(['debug', 'info']).default('info') }).prefault({}),
  trust: z.boolean().default(false),
  witnesses: z.array(z.string()).default([]),
  ports: z.array(port).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  rules: z.array(z.strictObject({ match: z.string(), max: z.int().optional() })).default([]),
  vault: z
    .strictObject({ url: z.url().default('http://v'), password: z.string().min(8).optional() })
    .prefault({}),
});

interface Given {
  readonly yaml?: string;
  readonly env?: Environment;
  readonly flags?: object;
  readonly unknownEnv?: 'error' | 'ignore';
}

function load({ yaml, env = {}, flags, unknownEnv }: Given): z.infer<typeof Schema> {
  return loadConfig({
    schema: Schema,
    ...(yaml === undefined ? {} : { file: { path: 'r.yaml', text: yaml } }),
    env,
    envPrefix: 'PGTAPE_RECORDER_',
    ...(flags === undefined ? {} : { flags }),
    ...(unknownEnv === undefined ? {} : { unknownEnv }),
  });
}

function problems(given: Given): string[] {
  try {
    load(given);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).code).toBe('CONFIG_INVALID');
    return (error as ConfigError).problems.map(({ where, key, problem }) => `${where}|${key}|${problem}`);
  }
}

const defaults = {
  name: 'recorder',
  upstream: { host: 'h', port: 5432, connectTimeoutMs: 10_000 },
  log: { level: 'info' },
  trust: false,
  witnesses: [],
  ports: [],
  labels: {},
  rules: [],
  vault: { url: 'http://v' },
};
const minimal = 'upstream: {host: h}\n';

interface Row {
  readonly name: string;
  readonly given: Given;
  readonly want: unknown;
}

describe('loadConfig', () => {
  it.each<Row>([
    { name: 'defaults', given: { yaml: minimal }, want: defaults },
    { name: 'no file', given: { flags: { 'upstream.host': 'h' } }, want: defaults },
    {
      name: 'a group without keys',
      given: { yaml: `${minimal}log:\nhealth:\n` },
      want: { ...defaults, health: { host: '127.0.0.1', port: 7419 } },
    },
    {
      name: 'environment over file',
      given: {
        yaml: minimal,
        env: { PGTAPE_RECORDER_UPSTREAM_HOST: 'e', PGTAPE_RECORDER_UPSTREAM_CONNECT_TIMEOUT_MS: '5' },
      },
      want: { ...defaults, upstream: { host: 'e', port: 5432, connectTimeoutMs: 5 } },
    },
    {
      name: 'flags over environment',
      given: {
        yaml: minimal,
        env: { PGTAPE_RECORDER_UPSTREAM_HOST: 'e' },
        flags: { upstream: { host: 'f', port: undefined } },
      },
      want: { ...defaults, upstream: { ...defaults.upstream, host: 'f' } },
    },
    {
      name: 'flags as text',
      given: { yaml: minimal, flags: { 'upstream.port': '1', trust: 'true' } },
      want: { ...defaults, trust: true, upstream: { ...defaults.upstream, port: 1 } },
    },
    {
      name: 'a number as text',
      given: { yaml: minimal, env: { PGTAPE_RECORDER_NAME: '17' } },
      want: { ...defaults, name: '17' },
    },
    {
      name: 'lists',
      given: { yaml: minimal, env: { PGTAPE_RECORDER_WITNESSES: 'a, b', PGTAPE_RECORDER_PORTS: '1,2' } },
      want: { ...defaults, witnesses: ['a', 'b'], ports: [1, 2] },
    },
    {
      name: 'lists and maps in YAML',
      given: { yaml: minimal, env: { PGTAPE_RECORDER_PORTS: '[1, 2]', PGTAPE_RECORDER_LABELS: '{a: b}' } },
      want: { ...defaults, ports: [1, 2], labels: { a: 'b' } },
    },
    { name: 'empty variables', given: { yaml: minimal, env: { PGTAPE_RECORDER_TRUST: '' } }, want: defaults },
    {
      name: 'foreign variables',
      given: { yaml: minimal, env: { PGTAPE_VAULT_X: '1', PATH: 'x', PGTAPE_RECORDER_CONFIG: 'f' } },
      want: defaults,
    },
    {
      name: 'variables of a Kubernetes service named like us',
      given: {
        yaml: minimal,
        env: {
          PGTAPE_RECORDER_UPSTREAM_PORT: 'tcp://10.0.0.1:5432',
          PGTAPE_RECORDER_SERVICE_HOST: '10.0.0.1',
          PGTAPE_RECORDER_SERVICE_PORT_PG: '5432',
          PGTAPE_RECORDER_PORT: 'tcp://10.0.0.1:5432',
          PGTAPE_RECORDER_PORT_5432_TCP_ADDR: '10.0.0.1',
        },
      },
      want: defaults,
    },
    {
      name: 'unknown variables where told so',
      given: { yaml: minimal, env: { PGTAPE_RECORDER_X: '1' }, unknownEnv: 'ignore' as const },
      want: defaults,
    },
    {
      name: 'anchors',
      given: { yaml: 'name: &a n\nupstream: {host: *a}\n' },
      want: { ...defaults, name: 'n', upstream: { ...defaults.upstream, host: 'n' } },
    },
    {
      name: 'a map key that objects have',
      given: { yaml: `${minimal}labels: {constructor: x}\n` },
      want: { ...defaults, labels: { constructor: 'x' } },
    },
  ])('$name', ({ given, want }) => {
    expect(load(given)).toEqual(want);
  });

  it.each<Row>([
    { name: 'nothing at all', given: {}, want: ['configuration|upstream.host|expected text, given nothing'] },
    {
      name: 'missing in a file',
      given: { yaml: 'upstream:\n  port: 1\n' },
      want: ['r.yaml:2:3|upstream.host|expected text, given nothing'],
    },
    {
      name: 'wrong type',
      given: { yaml: 'upstream:\n  host: h\n  port: abc\n' },
      want: ['r.yaml:3:9|upstream.port|expected integer from 0 to 65535, given "abc"'],
    },
    {
      name: 'out of range, deep',
      given: { yaml: `${minimal}ports: [1,\n  70000]\n` },
      want: ['r.yaml:3:3|ports[1]|expected integer from 0 to 65535, given 70000'],
    },
    {
      name: 'in a list of groups',
      given: { yaml: `${minimal}rules:\n  - match: a\n    max: x\n  - mtch: b\n` },
      want: [
        'r.yaml:5:5|rules[1].mtch|no such key; did you mean match?',
        'r.yaml:4:10|rules[0].max|expected integer, given "x"',
        'r.yaml:5:5|rules[1].match|expected text, given nothing',
      ],
    },
    {
      name: 'not one of',
      given: { yaml: `${minimal}log: {level: inf}\n` },
      want: ['r.yaml:2:14|log.level|expected debug | info, given "inf"'],
    },
    {
      name: 'unknown key',
      given: { yaml: `${minimal}up_stream: 1\nhealth: {prot: 1}\nzzzzzz: 1\n` },
      want: [
        'r.yaml:2:1|up_stream|no such key; did you mean upstream?',
        'r.yaml:3:10|health.prot|no such key; did you mean port?',
        'r.yaml:4:1|zzzzzz|no such key',
      ],
    },
    {
      name: 'keys that objects have',
      given: { yaml: `${minimal}__proto__: {x: 1}\nconstructor: 1\n` },
      want: ['r.yaml:2:1|__proto__|no such key', 'r.yaml:3:1|constructor|no such key'],
    },
    {
      name: 'a text for a group',
      given: { yaml: 'upstream: h\n' },
      want: ['r.yaml:1:11|upstream|expected group of keys, given "h"'],
    },
    {
      name: 'no mapping',
      given: { yaml: '- a\n' },
      want: ['r.yaml:1:1||expected group of keys, given ["a"]'],
    },
    {
      name: 'URL',
      given: { yaml: `${minimal}vault: {url: x}\n` },
      want: ['r.yaml:2:14|vault.url|expected URL, given "x"'],
    },
    {
      name: 'secrets are not shown',
      given: { yaml: `${minimal}vault: {password: short}\n` },
      want: ['r.yaml:2:19|vault.password|expected text, not empty, given a value that is not shown'],
    },
    {
      name: 'long values',
      given: { yaml: `${minimal}trust: ${'x'.repeat(99)}\n` },
      want: [`r.yaml:2:8|trust|expected true or false, given "${'x'.repeat(56)}...`],
    },
    {
      name: 'environment',
      given: {
        yaml: minimal,
        env: {
          PGTAPE_RECORDER_TRUST: 'maybe',
          PGTAPE_RECORDER_UPSTREM_HOST: 'x',
          PGTAPE_RECORDER_PORTS: '1,b',
        },
      },
      want: [
        'environment PGTAPE_RECORDER_UPSTREM_HOST||no such key; did you mean PGTAPE_RECORDER_UPSTREAM_HOST?',
        'environment PGTAPE_RECORDER_TRUST|trust|expected true or false, given "maybe"',
        'environment PGTAPE_RECORDER_PORTS|ports[1]|expected integer from 0 to 65535, given "b"',
      ],
    },
    {
      name: 'flags',
      given: { yaml: minimal, flags: { upstream: { port: 'x' }, 'log.x': 1 } },
      want: [
        'flag log.x|log.x|no such key',
        'flag upstream.port|upstream.port|expected integer from 0 to 65535, given "x"',
      ],
    },
    {
      name: 'no YAML',
      given: { yaml: 'a: [1\nb: 2\n' },
      want: expect.arrayContaining([expect.stringMatching(/^r\.yaml:2:1\|\|not readable as YAML: /)]),
    },
    {
      name: 'the same key twice',
      given: { yaml: `${minimal}trust: true\ntrust: false\n` },
      want: ['r.yaml:3:1||not readable as YAML: Map keys must be unique'],
    },
    {
      name: 'an unknown tag',
      given: { yaml: `${minimal}name: !x y\n` },
      want: ['r.yaml:2:7||not readable as YAML: Unresolved tag: !x'],
    },
    {
      name: 'an alias bomb',
      given: {
        yaml: `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: [${'*b,'.repeat(99)}]\n`,
      },
      want: [expect.stringMatching(/alias/i)],
    },
  ])('tells of $name', ({ given, want }) => {
    expect(problems(given)).toEqual(want);
  });

  it('says everything in its message', () => {
    expect(() => load({ yaml: 'upstream:\n  prot: 1\n' })).toThrow(
      'the configuration has 2 problems\n' +
        '  r.yaml:2:3  upstream.prot: no such key; did you mean port?\n' +
        '  r.yaml:2:3  upstream.host: expected text, given nothing',
    );
  });

  it('keeps messages of own checks', () => {
    const schema = z.strictObject({ a: z.int().refine((a) => a % 2 === 0, 'must be even') });
    expect(() => loadConfig({ schema, file: { path: 'f', text: 'a: 3' }, env: {}, envPrefix: 'X_' })).toThrow(
      'the configuration has 1 problem\n  f:1:4  a: must be even',
    );
  });
});
