/** The drivers: what each scenario is built with and started by. */

export interface Tool {
  /** Its name, and arguments that make it print its version. */
  readonly version: readonly string[];
  /** What to install when it is missing. */
  readonly from: string;
}

export interface Driver {
  /** Directory under e2e/drivers, and in the cache. */
  readonly name: string;
  readonly title: string;
  /** Where its versions are pinned, and what finds them: groups are name and version. */
  readonly pins: { readonly file: string; readonly pattern: RegExp };
  /** What it speaks: `plus` where it can bind SCRAM to the channel. */
  readonly scram: 'plain' | 'plus';
  readonly tools: readonly Tool[];
  /** Commands that turn the sources into something that runs, in a directory of its own. */
  readonly build: readonly (readonly string[])[];
  /** Program and arguments; `{node}` is the Node this project pins. */
  readonly command: readonly string[];
}

const npm: Tool = { version: ['npm', '--version'], from: 'Node.js 20 or newer, which brings npm' };

const npmPins = { file: 'package.json', pattern: /"((?:pg|postgres)[a-z-]*)": "([\d.]+)"/g };
const npmBuild = [['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']];

const python: Tool = { version: ['python3', '--version'], from: 'Python 3.10 or newer with venv' };
const pythonPins = { file: 'requirements.txt', pattern: /(psycopg|asyncpg)(?:\[\w+\])?==([\d.]+)/g };
const pythonBuild = [
  ['python3', '-m', 'venv', 'venv'],
  [
    'venv/bin/python',
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    'requirements.txt',
  ],
];
const pythonCommand = ['venv/bin/python', 'scenario.py'];

export const drivers: readonly Driver[] = [
  {
    name: 'node-pg',
    title: 'node-postgres',
    pins: npmPins,
    scram: 'plus',
    tools: [npm],
    build: npmBuild,
    command: ['{node}', '--no-deprecation', 'scenario.js'],
  },
  {
    name: 'postgres-js',
    title: 'postgres.js',
    pins: npmPins,
    scram: 'plain',
    tools: [npm],
    build: npmBuild,
    command: ['{node}', 'scenario.js'],
  },
  {
    name: 'psycopg',
    title: 'psycopg 3 (libpq)',
    pins: pythonPins,
    scram: 'plus',
    tools: [python],
    build: pythonBuild,
    command: pythonCommand,
  },
  {
    name: 'asyncpg',
    title: 'asyncpg',
    pins: pythonPins,
    scram: 'plain',
    tools: [python],
    build: pythonBuild,
    command: pythonCommand,
  },
  {
    name: 'pgx',
    title: 'pgx v5',
    pins: { file: 'go.mod', pattern: /^require github\.com\/jackc\/(pgx\/v5) v([\d.]+)/gm },
    scram: 'plus',
    tools: [{ version: ['go', 'version'], from: 'Go 1.25 or newer' }],
    build: [['go', 'build', '-trimpath', '-o', 'scenario', '.']],
    command: ['./scenario'],
  },
  {
    name: 'tokio-postgres',
    title: 'tokio-postgres, TLS by rustls',
    pins: { file: 'Cargo.lock', pattern: /name = "(tokio-postgres(?:-rustls)?)"\nversion = "([\d.]+)"/g },
    scram: 'plus',
    tools: [{ version: ['cargo', '--version'], from: 'Rust 1.85 or newer, and a C compiler' }],
    build: [
      ['cargo', 'build', '--locked', '--quiet', '--target-dir', 'target'],
      ['mv', 'target/debug/scenario', 'scenario'],
      ['rm', '-rf', 'target'],
    ],
    command: ['./scenario'],
  },
  {
    name: 'pgjdbc',
    title: 'pgjdbc',
    pins: { file: 'jars.sha256', pattern: /(postgresql)-([\d.]+)\.jar/g },
    scram: 'plus',
    tools: [
      { version: ['javac', '-version'], from: 'a JDK, 17 or newer' },
      { version: ['mvn', '--version'], from: 'Maven 3.8 or newer' },
    ],
    build: [
      [
        'mvn',
        '--batch-mode',
        '--quiet',
        'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy',
        '-Dartifact=org.postgresql:postgresql:42.7.13',
        '-DoutputDirectory=.',
      ],
      ['sha256sum', '--check', '--quiet', 'jars.sha256'],
      [
        'javac',
        '-encoding',
        'UTF-8',
        '-cp',
        'postgresql-42.7.13.jar',
        '-d',
        'classes',
        'Scenario.java',
        'Session.java',
        'Typed.java',
      ],
    ],
    // Short-lived: the optimising compiler and parallel collectors would cost more than they give.
    command: [
      'java',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-cp',
      'classes:postgresql-42.7.13.jar',
      'Scenario',
    ],
  },
];

/** What every scenario must show, by the transcript's `step`. */
export const steps = [
  'connect',
  'prepare',
  'batch',
  'cursor',
  'copy_in',
  'copy_out',
  'cancel',
  'notify',
  'large_object',
  'transaction_error',
  'types',
  'formats',
] as const;
