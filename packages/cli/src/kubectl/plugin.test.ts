import { FakeIo, runFake } from '../fakeIo.testing.ts';
import { buildPlugin } from './plugin.ts';
import { pluginCommands } from './pluginCommand.ts';
import { runPlugin } from './pluginRun.ts';

const { tree } = buildPlugin(new FakeIo(), 'kubectl pgtape');
const names = tree.commands.map((command) => command.name());

async function plugin(...args: string[]): Promise<FakeIo> {
  const io = new FakeIo();
  await runPlugin(args, io);
  return io;
}

describe('the tree of kubectl pgtape', () => {
  it('has the commands that pgtape k8s names', () => {
    expect(names).toEqual(pluginCommands);
  });

  it.each(names)('%s has help with examples, -o json and what names a cluster', async (name) => {
    const { out, code } = await plugin(name, '--help');
    expect(code).toBe(0);
    expect(out.text).toMatch(new RegExp(`^Usage: kubectl pgtape ${name} `));
    for (const part of ['Examples:', '--output', '--context', '--kubeconfig'])
      expect(out.text).toContain(part);
    expect(out.text).not.toMatch(/\$ pgtape /);
  });

  it.each([
    [['stats'], 'Did you mean status?'],
    [['status', '--all-namespace'], 'Did you mean --all-namespaces?'],
    [['uninject'], "missing required argument 'name'"],
    [['status', '-o', 'yaml'], 'table, json'],
    [['status', '--kubeconfig', '/nowhere/config'], 'KUBECONFIG'],
  ])('%j is refused with a word that helps', async (args, says) => {
    const { err, code } = await plugin(...args);
    expect({ code, err: err.text }).toEqual({ code: 2, err: expect.stringContaining(says) });
  });

  it('is pgtape k8s too, whose own options stay in force', async () => {
    const io = await runFake(['--no-color', 'k8s', 'status', '--kubeconfig', '/nowhere/config'], {
      columns: 80,
    });
    expect(io.code).toBe(2);
    expect(io.err.text).toMatch(/^pgtape: no cluster to speak with/);
    expect((await runFake(['k8s', 'coverage', '--help'])).out.text).toMatch(/^Usage: pgtape k8s coverage /);
  });
});
