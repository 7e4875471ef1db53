import type { KubeObject } from '@pgtape/kube';
import { oneRelease, type Release, releasesOf } from './release.ts';

const service = (namespace: string, release: string, name: string, component: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name,
    namespace,
    labels: { 'app.kubernetes.io/instance': release, 'app.kubernetes.io/component': component },
  },
});

describe('releasesOf', () => {
  it('are each one, with what the names of its objects begin with', () => {
    expect(
      releasesOf([
        service('pgtape-system', 'pgtape', 'pgtape-vault', 'vault'),
        service('pgtape-system', 'pgtape', 'pgtape-webhook', 'webhook'),
        service('audit', 'tapes', 'tapes-pgtape-vault', 'vault'),
        service('audit', 'tapes', 'renamed', 'vault'),
      ]),
    ).toEqual([
      { namespace: 'pgtape-system', name: 'pgtape', prefix: 'pgtape' },
      { namespace: 'audit', name: 'tapes', prefix: 'tapes-pgtape' },
    ]);
  });
});

describe('oneRelease', () => {
  const one: Release = { namespace: 'pgtape-system', name: 'pgtape', prefix: 'pgtape' };
  const other: Release = { namespace: 'audit', name: 'tapes', prefix: 'tapes-pgtape' };

  it.each<[string, Release[], object, Release | string]>([
    ['the only one', [one], {}, one],
    ['the named one', [one, other], { release: 'tapes' }, other],
    ['two', [other, { ...other, namespace: 'elsewhere' }], {}, 'WHICH_RELEASE'],
    ['two in one namespace', [one, { ...one, name: 'other' }], {}, 'WHICH_RELEASE'],
    ["a tenant's Service with the labels of a release", [{ ...one, namespace: 'shop' }, one], {}, one],
    [
      "a tenant's, though its name is asked for",
      [{ ...one, namespace: 'shop' }, one],
      { release: 'pgtape' },
      one,
    ],
    ['none', [], {}, 'NO_RELEASE'],
    ['none of that name', [one], { release: 'x' }, 'NO_RELEASE'],
  ])('%s', (_, found, flags, wanted) => {
    if (typeof wanted === 'string') {
      expect(() => oneRelease(found, flags)).toThrow(expect.objectContaining({ code: wanted }));
    } else expect(oneRelease(found, flags)).toBe(wanted);
  });
});
