import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { completionScript, shells } from './completionScript.ts';
import { exitCode } from './exitCode.ts';
import { FakeIo, runFake } from './fakeIo.testing.ts';
import { buildProgram } from './program.ts';
import { version } from './version.ts';

const commands = buildProgram(new FakeIo()).commands.map((command) => command.name());

describe('the command line', () => {
  it.each([
    { name: 'no vault', args: ['sessions'], code: exitCode.environment, err: 'NO_VAULT' },
    { name: 'no archive', args: ['verify'], code: exitCode.environment, err: 'NO_ARCHIVE' },
    {
      name: 'no archive where one is named',
      args: ['sessions', '--archive', 'none'],
      code: exitCode.environment,
      err: 'NO_ARCHIVE',
    },
    {
      name: 'two ways at once',
      args: ['play', 'last', '--archive', '.', '--vault', 'http://127.0.0.1:1'],
      code: exitCode.usage,
      err: 'TWO_WAYS',
    },
    {
      name: 'a vault that is gone, with both ways out',
      args: ['search', '--vault', 'http://127.0.0.1:1'],
      code: exitCode.environment,
      err: "Start it ('./pgtape up'), name another (--vault URL, PGTAPE_VAULT), or read the archive directly",
    },
    {
      name: 'a token file that is not there',
      args: ['sessions', '--vault', 'http://127.0.0.1:1', '--token-file', 'none'],
      code: exitCode.environment,
      err: 'CREDENTIALS',
    },
    { name: 'an unknown command', args: ['sesions'], code: exitCode.usage, err: 'Did you mean sessions?' },
    {
      name: 'an unknown option',
      args: ['verify', '--strictly'],
      code: exitCode.usage,
      err: 'Did you mean --strict?',
    },
    {
      name: 'a bad format',
      args: ['sessions', '-o', 'xml'],
      code: exitCode.usage,
      err: 'table, json, jsonl',
    },
    { name: 'a bad format of tail', args: ['tail', '-o', 'xml'], code: exitCode.usage, err: 'text, jsonl' },
    {
      name: 'a missing argument',
      args: ['play'],
      code: exitCode.usage,
      err: "missing required argument 'session'",
    },
    { name: 'a bad port', args: ['up', '--port', '70000'], code: exitCode.usage, err: '1 to 65535' },
    { name: 'no up to demo', args: ['demo'], code: exitCode.environment, err: './pgtape up' },
    {
      name: 'a missing file',
      args: ['recorder', '--config', 'none.yaml'],
      code: exitCode.usage,
      err: 'CONFIG_UNREADABLE',
    },
    { name: 'a bad endpoint', args: ['vault', '--otlp', '7418'], code: exitCode.usage, err: 'HOST:PORT' },
    {
      name: 'no vault to tail',
      args: ['tail', '--vault', 'http://127.0.0.1:1'],
      code: exitCode.environment,
      err: 'VAULT_UNREACHABLE',
    },
    {
      name: 'no URL to tail',
      args: ['tail', '--vault', 'localhost'],
      code: exitCode.usage,
      err: 'VAULT_URL',
    },
    {
      name: 'a shell it does not know',
      args: ['completion', 'tcsh'],
      code: exitCode.usage,
      err: 'bash, zsh, fish',
    },
  ])('explains $name', async ({ args, code, err }) => {
    const io = await runFake(args, { cwd: tmpdir() });
    expect([io.code, io.out.text, io.err.text]).toEqual([code, '', expect.stringContaining(err)]);
    expect(io.err.text).toMatch(/^pgtape: /);
  });

  it.each(commands)('pgtape %s --help has examples, and pgtape help says the same', async (command) => {
    const io = await runFake([command, '--help']);
    expect([io.code, io.err.text, io.out.text]).toEqual([0, '', expect.stringContaining('Examples:')]);
    expect((await runFake(['help', command])).out.text).toBe(io.out.text);
  });

  it('says its version and, of itself, every exit code', async () => {
    expect((await runFake(['--version'])).out.text).toBe(`${version}\n`);
    const { text } = (await runFake(['help'])).out;
    expect(Object.values(exitCode).filter((code) => !new RegExp(`^  ${code} `, 'm').test(text))).toEqual([]);
  });

  it.each(['recorder', 'vault'])('prints every key of a %s', async (command) => {
    const io = await runFake([command, '--config-reference']);
    expect([io.code, io.out.text]).toEqual([0, expect.stringContaining('| `')]);
  });
});

describe('completion', () => {
  const complete = (script: string, ...words: readonly string[]): string[] => {
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
    const run = spawnSync('bash', ['-c', `${script}\n${set}; _pgtape; printf '%s\\n' "\${COMPREPLY[@]}"`], {
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    return run.stdout.split('\n').filter((word) => word !== '');
  };

  it.each([
    { words: ['pgtape', 'se'], found: ['sessions', 'search'] },
    { words: ['pgtape', 'sessions', '-o', ''], found: ['table', 'json', 'jsonl'] },
    { words: ['pgtape', 'sessions', '--op'], found: ['--open'] },
    { words: ['pgtape', '--no-color', 'ver'], found: ['verify'] },
    { words: ['pgtape', 'tail', '--output', 'j'], found: ['jsonl'] },
    { words: ['pgtape', 'play', 'la'], found: ['last', 'last-1'] },
    { words: ['pgtape', 'completion', ''], found: [...shells] },
    { words: ['pgtape', 'help', 'de'], found: ['demo'] },
    { words: ['pgtape', 'search', '--user', ''], found: [] },
    { words: ['pgtape', 'nonsense', ''], found: [] },
  ])('of $words in bash', ({ words, found }) => {
    expect(complete(completionScript(buildProgram(new FakeIo()), 'bash'), ...words)).toEqual(found);
  });

  it.each(shells)('names every command and option in %s', (shell) => {
    const program = buildProgram(new FakeIo());
    const script = completionScript(program, shell);
    const options = program.commands.flatMap((command) => command.options.map(({ long }) => long ?? ''));
    const missing = [
      ...commands,
      ...options.map((option) => (shell === 'fish' ? `-l ${option.slice(2)}` : option)),
    ];
    expect(missing.filter((word) => !script.includes(word))).toEqual([]);
  });
});

describe('what a command loads', () => {
  const guard = (barred: RegExp) => `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (${String(barred)}.test(name)) throw new Error('loads ' + name);
      return next(name, context);
    } });`;
  const client = /^@kubernetes|^@pgtape\/operator$/;
  const run = (command: string, barred = client) => {
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const hook = `data:text/javascript,${encodeURIComponent(guard(barred))}`;
    return spawnSync(process.execPath, ['--import', hook, main, command, '--config-reference'], {
      encoding: 'utf8',
    });
  };
  it.each<[string, RegExp]>([
    ['recorder', /^@kubernetes|^@pgtape\/(kube|operator)$/],
    // What packages/kube has of its own is small; it loads the client where a cluster is asked.
    ['vault', client],
  ])('%s: no Kubernetes client', (command, barred) => {
    expect(run(command, barred)).toMatchObject({ status: 0, stdout: expect.stringContaining('| Key |') });
  });
  it('operator: the one that needs it', () => {
    expect(run('operator').stderr).toContain('loads @pgtape/operator');
  });
});
