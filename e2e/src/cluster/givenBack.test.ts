/** A user's checkout and cache after root worked in them by sudo: `make image` of the user failed on what was root's. */
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const user = 54_321;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-given-back-'));
  for (const folder of ['checkout/dist', 'cache/images', 'cache/buildah-0', 'elsewhere'])
    mkdirSync(join(dir, folder), { recursive: true });
  for (const file of ['checkout/dist/main.js', 'checkout/others', 'cache/images/.lock', 'cache/buildah-0/db'])
    writeFileSync(join(dir, file), '');
  symlinkSync('/etc/hostname', join(dir, 'checkout/link'));
  chownSync(join(dir, 'checkout/others'), 54_322, 54_322);
  for (const theirs of ['checkout', 'cache']) chownSync(join(dir, theirs), user, user);
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** By path, whose each is. */
function owners(): Record<string, number> {
  const paths = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(paths.map((path) => [path, lstatSync(join(dir, path)).uid]));
}

function giveBack(env: Readonly<Record<string, string>>): string {
  const script = `root=$1; . "$root/scripts/servers.sh"; give_back "$2/checkout" "$2/cache" "$2/elsewhere" "$2/nowhere"`;
  const ran = spawnSync('sh', ['-euc', script, 'sh', root, dir], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, PGTAPE_E2E_CACHE: join(dir, 'cache'), ...env },
  });
  return `${ran.status} ${ran.stderr}`;
}

describe('give_back', () => {
  it('makes what is root’s in a user’s own directories his, and nothing else', () => {
    const hostname = lstatSync('/etc/hostname').uid;
    expect(giveBack({ SUDO_UID: String(user), SUDO_GID: String(user) })).toBe('0 ');
    expect(owners()).toEqual({
      cache: user,
      'cache/bin': user,
      'cache/buildah-0': 0,
      'cache/buildah-0/db': 0,
      'cache/images': user,
      'cache/images/.lock': user,
      checkout: user,
      'checkout/dist': user,
      'checkout/dist/main.js': user,
      'checkout/link': user,
      'checkout/others': 54_322,
      elsewhere: 0,
    });
    expect(lstatSync('/etc/hostname').uid).toBe(hostname);
  });

  it.each([
    ['root itself', {}],
    ['another user’s sudo', { SUDO_UID: '54322', SUDO_GID: '54322' }],
  ])('changes nothing for %s', (_name, env) => {
    const before = owners();
    expect(giveBack(env)).toBe('0 ');
    const after = owners();
    delete after['cache/bin'];
    expect(after).toEqual(before);
  });
});
