/** The workflow files as actionlint sees them: contexts, outputs, inputs of actions, and each step's script by shellcheck. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../.github/workflows', import.meta.url));

/** One complaint each, without where; `text` is a workflow. */
function complaints(file: string, text: string): string[] {
  const actionlint = process.env.PGTAPE_E2E_ACTIONLINT;
  if (actionlint === undefined) throw new Error('PGTAPE_E2E_ACTIONLINT names no actionlint: run scripts/e2e');
  const args = ['-shellcheck', 'shellcheck', '-stdin-filename', file, '-format', '{{json .}}', '-'];
  // Anywhere else: it looks for a repository, and for a configuration in it.
  const ran = spawnSync(actionlint, args, { cwd: folder, input: text, encoding: 'utf8' });
  if (ran.status !== 0 && ran.status !== 1) throw new Error(ran.stderr);
  return (JSON.parse(ran.stdout) as { message: string }[]).map(({ message }) => message);
}

const release = readFileSync(join(folder, 'release.yml'), 'utf8');

describe('actionlint', () => {
  it.each(['ci.yml', 'release.yml'])('has nothing to say about %s', (file) => {
    expect(complaints(file, readFileSync(join(folder, file), 'utf8'))).toEqual([]);
  });

  it.each([
    {
      name: 'an output that no job has',
      from: 'needs.publish.outputs.digest',
      to: 'needs.publish.outputs.digests',
      says: 'property "digests" is not defined',
    },
    {
      name: 'an input that an action does not take',
      from: 'if-no-files-found: error',
      to: 'if-none-found: error',
      says: 'input "if-none-found" is not defined',
    },
    {
      name: 'a word that a shell splits',
      from: '"$VERSION" "$IMAGE" "$DIGEST" .',
      to: '$VERSION "$IMAGE" "$DIGEST" .',
      says: 'SC2086',
    },
  ])('would say: $name', ({ from, to, says }) => {
    expect(release).toContain(from);
    const said = complaints(
      'release.yml',
      release.replace(from, () => to),
    );
    expect(said).toEqual([expect.stringContaining(says)]);
  });
});
