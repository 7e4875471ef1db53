import { FakeIo } from '../fakeIo.testing.ts';
import { buildPlugin } from './plugin.ts';
import { completionAnswer } from './pluginCompletion.ts';

const { tree } = buildPlugin(new FakeIo(), 'kubectl pgtape');

describe('completionAnswer', () => {
  it.each([
    [
      [''],
      [
        'status',
        'coverage',
        'bypasses',
        'doctor',
        'uninject',
        'sessions',
        'search',
        'play',
        'tail',
        'verify',
        'export',
      ],
    ],
    [['s'], ['status', 'sessions', 'search']],
    [['--no'], ['--no-color']],
    [['status', ''], []],
    [['status', '--all'], ['--all-namespaces']],
    [
      ['status', '-o', ''],
      ['table', 'json'],
    ],
    [['status', '--output', 'j'], ['json']],
    [['status', '-n', ''], []],
    [
      ['tail', '--k'],
      ['--key', '--kinds', '--kubeconfig'],
    ],
    [['nothing', ''], []],
  ])('%j: %j', (words, found) => {
    const lines = completionAnswer(tree, words).split('\n');
    expect(lines.slice(-2)).toEqual([':4', '']);
    expect(lines.slice(0, -2).map((line) => line.split('\t')[0])).toEqual(found);
  });
});
