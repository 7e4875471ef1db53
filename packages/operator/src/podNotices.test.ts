import { bypassNotices, podNotices } from './podNotices.ts';
import { databaseObject, observedOf } from './recordedCluster.testing.ts';

describe('podNotices', () => {
  const uid = 'uid-orders-0';
  const bare = observedOf({ injected: false, configHash: '', recorderImage: '' }, null);
  it.each([
    { name: 'a new pod', pod: observedOf(), before: undefined, told: ['Normal Injected'] },
    { name: 'one that is known', pod: observedOf(), before: { uid, injected: true }, told: [] },
    { name: 'one without a recorder', pod: bare, before: undefined, told: ['Warning RestartRequired'] },
    { name: 'that is known', pod: bare, before: { uid, injected: false, need: 'Injection' }, told: [] },
    {
      name: 'one that never gets a recorder',
      pod: { ...bare, skipped: 'mode_not_possible (AddressSwap: custom_command)' },
      before: undefined,
      told: ['Warning InjectionSkipped'],
    },
    {
      name: 'another of the same name',
      pod: bare,
      before: { uid: 'uid-before', need: 'Injection' },
      told: ['Warning RestartRequired'],
    },
    {
      name: 'an older recorder',
      pod: observedOf({ recorderImage: 'older' }),
      before: { uid, injected: true },
      told: ['Normal RecorderOutdated'],
    },
    {
      name: 'an older configuration',
      pod: observedOf({ configHash: 'older' }, null),
      before: { uid, injected: true, need: 'Upgrade' },
      told: ['Normal RestartRequired'],
    },
  ])('$name', ({ pod, before, told }) => {
    const notices = podNotices('shop', before === undefined ? undefined : { pods: [before] }, [pod]);
    expect(notices.map(({ type, reason }) => `${type} ${reason}`)).toEqual(told);
    for (const { regarding } of notices)
      expect(regarding).toEqual({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'orders-0', namespace: 'shop', uid },
      });
  });
});

describe('bypassNotices', () => {
  it('names who went past, on the pod and its database; nothing of theirs is a line of ours', () => {
    const one = { pid: 7, user: 'ro\not', database: 'orders', address: '', application: 'psql' };
    const recent = [{ ...one, at: '2026-11-27T05:00:00Z' }];
    const [onPod, onDatabase] = bypassNotices(databaseObject(), 'shop', [
      { pod: observedOf(), count: 1, recent },
    ]);
    const who = 'backend 7 "ro\\not" in "orders" from a unix socket ("psql") at 2026-11-27T05:00:00Z';
    expect([onPod?.regarding.kind, onPod?.note]).toEqual(['Pod', `1 session past the recorder: ${who}`]);
    expect([onDatabase?.regarding.kind, onDatabase?.note]).toEqual([
      'RecordedDatabase',
      `orders-0: 1 session past the recorder: ${who}`,
    ]);
  });

  it('of a session that was only counted nothing is claimed: neither a backend nor a unix socket', () => {
    const counted = { pid: 0, user: '', database: 'orders', address: '', application: '' };
    const recent = [{ ...counted, at: '2026-11-27T05:00:00Z' }];
    const [told] = bypassNotices(databaseObject(), 'shop', [{ pod: observedOf(), count: 1, recent }]);
    expect(told?.note).toBe(
      '1 session past the recorder: one in "orders" that was gone before 2026-11-27T05:00:00Z',
    );
  });

  it('tells those that were shorter than a look', () => {
    const [told] = bypassNotices(databaseObject(), 'shop', [{ pod: observedOf(), count: 3, recent: [] }]);
    expect(told?.note).toBe('3 sessions past the recorder: shorter than a look at them');
  });
});
