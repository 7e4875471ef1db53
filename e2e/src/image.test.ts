/** pgtape's image as it is pulled: what it says of itself, and what lies in it and does not. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageUid, type UnpackedImage, unpackedImage } from './imageContainer.ts';

let image: UnpackedImage;
beforeAll(() => {
  image = unpackedImage();
}, 600_000);
afterAll(() => image?.remove());

/** Paths within the image, as find(1) finds them. */
const found = (...tests: readonly string[]): string[] =>
  execFileSync('find', ['.', '-xdev', ...tests], { cwd: image.root, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .sort();

describe('the image says', () => {
  it('as whom, where and with what it is run, and holds no variable but PATH', () => {
    const { User, Env, Entrypoint, Cmd, WorkingDir, ...others } = image.config.config;
    expect({ User, Entrypoint, Cmd, WorkingDir }).toEqual({
      User: `${imageUid}:${imageUid}`,
      Entrypoint: ['/usr/bin/pgtape'],
      Cmd: ['--help'],
      WorkingDir: '/',
    });
    expect(Env).toEqual([expect.stringMatching(/^PATH=\/usr\/local\/sbin:/)]);
    expect(Object.keys(others)).toEqual(['Labels']);
  });

  it('what it is and what it was built of, by the labels of OCI', () => {
    const label = (name: string): string =>
      image.config.config.Labels[`org.opencontainers.image.${name}`] ?? '';
    const { version } = JSON.parse(readFileSync(join(image.root, 'usr/lib/pgtape/package.json'), 'utf8'));
    expect(label('title')).toBe('pgtape');
    expect(label('description')).toMatch(/^Puts every statement .*\.$/);
    expect(label('licenses')).toBe('Apache-2.0');
    expect(label('source')).toMatch(/^https:\/\//);
    expect(label('version')).toBe(version);
    expect(label('revision')).toMatch(/^[0-9a-f]{40}$/);
    expect(label('base.name')).not.toBe('');
    expect(image.config.os).toBe('linux');
  });

  it('nothing of when it was built: the same contents are the same image', () => {
    expect(image.config.created).toBe('1970-01-01T00:00:00Z');
  });
});

describe('in the image', () => {
  it('no program gives its caller the rights of another', () => {
    expect(found('-type', 'f', '-perm', '/6000')).toEqual([]);
    expect(image.hasFileCapabilities).toBe(false);
  });

  it('everything is of somebody else than who runs it, and nobody may write it', () => {
    expect(found('(', '-uid', String(imageUid), '-o', '-gid', String(imageUid), ')')).toEqual([]);
    expect(found('-type', 'f', '-perm', '/022')).toEqual([]);
    expect(found('-type', 'd', '-perm', '/002', '!', '-perm', '-1000')).toEqual([]);
    expect(found('-type', 'f', '-path', './usr/lib/pgtape/*', '!', '-perm', '-004')).toEqual([]);
  });

  it('its user has a name, no shell and no home', () => {
    const users = readFileSync(join(image.root, 'etc/passwd'), 'utf8').split('\n');
    expect(users.filter((line) => line.includes(String(imageUid)))).toEqual([
      `pgtape:x:${imageUid}:${imageUid}:pgtape:/nonexistent:/usr/sbin/nologin`,
    ]);
  });

  it.each([
    ['histories of shells', ['-name', '.*_history']],
    [
      'lists and packages of apt',
      ['-size', '+0', '-type', 'f', '(', '-path', './var/lib/apt/lists/*', '-o', '-name', '*.deb', ')'],
    ],
    ['caches', ['-type', 'f', '-path', './var/cache/*', '!', '-path', './var/cache/debconf/*']],
    ['logs', ['-type', 'f', '-path', './var/log/*']],
    [
      'temporary files',
      ['-type', 'f', '(', '-path', './tmp/*', '-o', '-path', './var/tmp/*', '-o', '-path', './run/*', ')'],
    ],
    [
      'names of the machine that built it',
      ['-size', '+0', '(', '-path', './etc/hostname', '-o', '-path', './etc/resolv.conf', ')'],
    ],
    [
      'settings of package managers',
      ['(', '-name', '.npmrc', '-o', '-name', '.netrc', '-o', '-path', './etc/apt/auth*/*', ')'],
    ],
    ['sources of packages', ['-type', 'f', '-path', './etc/apt/sources.list*']],
    [
      'checkouts',
      [
        '(',
        '-name',
        '.git',
        '-o',
        '-name',
        'node_modules',
        '-o',
        '-name',
        '*.ts',
        '-o',
        '-name',
        '*.map',
        ')',
      ],
    ],
    ['leftovers of layers', ['-name', '.wh.*']],
    [
      'keys of hosts and people',
      ['(', '-name', 'ssh_host_*', '-o', '-name', 'id_*', '-path', '*/.ssh/*', '-o', '-name', '*.key', ')'],
    ],
  ])('there are no %s', (_what, tests) => {
    expect(found(...tests)).toEqual([]);
  });

  it('no text of configuration holds a private key', () => {
    const places = ['etc', 'root', 'home', 'opt', 'srv', 'var', 'run', 'usr/local', 'usr/share'];
    const lines = execFileSync(
      'sh',
      ['-c', 'grep -rIlE -e "-----BEGIN [A-Z ]*PRIVATE KEY-----" "$@" || [ $? -eq 1 ]', 'sh', ...places],
      { cwd: image.root, encoding: 'utf8' },
    );
    expect(lines).toBe('');
  });

  it('there is a bundle for each role, its programs and nothing else of ours', () => {
    const lib = join(image.root, 'usr/lib/pgtape');
    expect(readdirSync(lib).sort()).toEqual([
      ...[
        'assets',
        'bin',
        'cli',
        'modules.json',
        'operator',
        'package.json',
        'recorder',
        'redirect',
        'vault',
      ],
    ]);
    expect(readdirSync(join(lib, 'bin')).sort()).toEqual(['node', 'supervise']);
  });
});
