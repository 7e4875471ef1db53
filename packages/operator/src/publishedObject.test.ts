/** What is published of each database, and that seals will carry the same. */
import { publishedConfigOf } from '@pgtape/evidence';
import type { KubeObject } from '@pgtape/kube';
import { policyOf, RecorderConfig } from '@pgtape/recorder';
import { policyHash, publishedObject } from './publishedObject.ts';
import { databaseOf } from './recordedCluster.testing.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { recorderSettings } from './recorderSettings.ts';

describe('policyHash', () => {
  it.each([
    {},
    { upstream: { trust: true } },
    { capture: { rawPeers: ['10.0.0.0/8', '::1/128'] } },
    { capture: { rawPeers: ['10.0.0.0/8'] }, upstream: { trust: true } },
  ])('of %j is what the recorder computes of its configuration', (more) => {
    const spec = databaseOf({ spec: more }).spec as RecordedDatabaseSpec;
    const config = RecorderConfig.parse(
      JSON.parse(recorderSettings('shop/orders', spec, { url: 'https://vault:4317' })),
    );
    expect(policyHash(spec)).toBe(policyOf(config));
  });
});

describe('publishedObject', () => {
  const place = { namespace: 'pgtape-system', name: 'pgtape-published' };
  const orders = databaseOf();
  const at = (second: number): string => `2026-11-27T00:00:${String(second).padStart(2, '0')}Z`;
  const published = (
    config: string | null,
    before: (KubeObject | null | undefined)[],
    now: string,
    databases = [orders],
    version = '0.1.0',
  ): KubeObject =>
    publishedObject({ place, databases, image: 'own', version, configOf: () => config, before, now });
  const entry = (object: KubeObject) =>
    publishedConfigOf((object.data as Record<string, string>)['shop.orders']);

  it('says what is given since when, and what was given before', () => {
    const first = published('a', [undefined, null], at(0));
    expect(entry(first)).toMatchObject({ at: at(0), history: [] });
    expect(published('a', [first], at(5))).toEqual(first);
    const second = published('b', [first], at(9));
    expect(entry(second)).toMatchObject({ at: at(9), history: [{ at: at(0) }] });
    expect(published('b', [first, second], at(20))).toEqual(second);
    expect(published('b', [second, first], at(20))).toEqual(second);
  });

  it('says which version understands it so, and no policy of recorders that are pinned to another image', () => {
    const first = published('a', [], at(0));
    const later = published('a', [first], at(3), [orders], '0.2.0');
    expect(entry(later)).toMatchObject({ version: '0.2.0', history: [{ version: '0.1.0' }] });
    const policyAt = (image: string): string | undefined =>
      entry(published('a', [], at(0), [databaseOf({ spec: { recorder: { image } } })]))?.policyHash;
    expect(policyAt('other')).toBeUndefined();
    expect(policyAt('own')).toBe(entry(first)?.policyHash);
  });

  it('keeps the last eight', () => {
    let object = published('0', [], at(0));
    for (let turn = 1; turn <= 12; turn += 1) object = published(String(turn), [object], at(turn));
    expect(entry(object)?.history.map(({ at: then }) => then)).toEqual(
      [11, 10, 9, 8, 7, 6, 5, 4].map((second) => at(second)),
    );
  });

  it('keeps what holds for a database that is not acted on, and forgets one that is gone', () => {
    const first = published('a', [], at(0));
    expect(published(null, [first], at(1))).toEqual(first);
    expect(published(null, [], at(1)).data).toEqual({});
    expect(published('a', [first], at(1), []).data).toEqual({});
  });

  it('does not believe what somebody else wrote there', () => {
    const wrong = { ...published('a', [], at(0)), data: { 'shop.orders': '{"at":1}', x: 'y' } };
    expect(published('a', [wrong], at(3))).toEqual(published('a', [], at(3)));
  });

  it('stays far below what a ConfigMap may hold', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => databaseOf({ name: `database-${n}` }));
    const size = (count: number): number => {
      let object = published('0', [], at(0), many(count));
      for (let turn = 1; turn <= 9; turn += 1)
        object = published(String(turn), [object], at(turn), many(count));
      return JSON.stringify(object).length;
    };
    expect([size(500) < 900_000, size(2000) < 900_000]).toEqual([true, true]);
  });
});
