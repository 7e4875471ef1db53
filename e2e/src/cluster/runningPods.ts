/**
 * What the leader measures and does about running pods, as tests of operator.test.ts: recorders are asked, bypasses told,
 * pods evicted one at a time over a change of leader, images changed in place.
 */
import { fleetPods, type OperatorUnderTest, podAddress } from './fleetPods.ts';
import { patch } from './kubectl.ts';

export function runningPodTests(operator: OperatorUnderTest): void {
  const { done, eventually, condition, message } = operator;
  const { played, get, rawPod, uidOf, toldOf, make, tell, play, rollout, budget } = fleetPods(operator);

  afterAll(async () => {
    for (const recorder of played.values()) await recorder.close();
  });

  it('says of recorders what they say, and by which mode they are proven to be reached', async () => {
    done(['apply', '-f', '-'], operator.database('fleet', { coverage: { credentialsRef: 'fleet' } }));
    await eventually('accepted', () => condition('fleet', 'PolicyAccepted'), 'True/Accepted');
    await make('fleet-0', false);
    tell('fleet-0', podAddress(1), '1');
    await eventually('silent', () => condition('fleet', 'Captured'), 'Unknown/RecorderUnreachable');
    const recorder = await play('fleet-0', podAddress(1));
    await eventually('Captured', () => condition('fleet', 'Captured'), 'True/AllAddresses');
    await eventually('Ready', () => condition('fleet', 'Ready'), 'True/Recorded');
    // From 0 on: Prometheus saw no increase in a series that began with its first bypass.
    expect(await operator.metrics()).toContain('pgtape_operator_bypasses_total{database="shop/fleet"} 0');
    const row = done(['-n', 'shop', 'get', 'recdb', 'fleet', '--no-headers']).split(/\s+/);
    expect(row.slice(0, 6)).toEqual(['fleet', 'True', '100%', '0', '1', 'AddressSwap']);
    recorder.say(({ vault }) => ({ vault: { ...vault, lagSeconds: 90, reason: 'vault_unreachable' } }));
    await eventually('Archiving', () => condition('fleet', 'Archiving'), 'False/Lagging');
    recorder.say(({ vault }) => ({ vault: { ...vault, lagSeconds: 0, reason: null } }));
    await eventually('Archiving', () => condition('fleet', 'Archiving'), 'True/Acknowledged');
  }, 90_000);

  it('tells a bypass within 15 s: condition, Events on pod and database, metric', async () => {
    const at = new Date().toISOString();
    const bypass = { pid: 77, user: 'postgres', database: 'orders', address: '', application: 'psql', at };
    const before = performance.now();
    played.get('fleet-0')?.say(({ coverage }) => ({
      coverage: { ...coverage, seen: 1001, bypasses: 1, recent: [bypass] },
    }));
    await eventually('BypassFree', () => condition('fleet', 'BypassFree'), 'False/BypassDetected', 15_000);
    await eventually(
      'Event on the pod',
      () => toldOf('fleet-0').includes('Pod/BypassDetected'),
      true,
      15_000,
    );
    await eventually(
      'Event on the database',
      () => toldOf('fleet').includes('RecordedDatabase/BypassDetected'),
      true,
      15_000,
    );
    expect(performance.now() - before).toBeLessThan(15_000);
    expect(await operator.metrics()).toContain('pgtape_operator_bypasses_total{database="shop/fleet"} 1');
    expect(get('recdb', 'fleet', '.status.coverage')).toBe('99.9%');
  }, 60_000);

  it('says so where PostgreSQL itself answers', async () => {
    await make('fleet-1', false);
    tell('fleet-1', podAddress(2), '1');
    await play('fleet-1', podAddress(2), false);
    await eventually('Captured', () => condition('fleet', 'Captured'), 'False/NotCaptured');
    expect(message('fleet', 'Captured')).toContain('fleet-1: somebody else answers');
    expect(get('recdb', 'fleet', '.status.pods[?(@.name=="fleet-1")].mode')).toBe('');
    for (const name of ['fleet-0', 'fleet-1']) {
      done(['-n', 'shop', 'delete', 'pod', name, '--grace-period=0', '--force']);
      await played.get(name)?.close();
      played.delete(name);
    }
  }, 60_000);

  it('evicts pods without a recorder only when asked to, one at a time, as disruption budgets allow', async () => {
    for (const [name, ip] of [
      ['fleet-0', podAddress(3)],
      ['fleet-1', podAddress(4)],
    ] as const) {
      await make(name, true);
      tell(name, ip, '1');
    }
    done(['apply', '-f', '-'], {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'fleet', namespace: 'shop' },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'fleet' } } },
    });
    budget(0);
    await eventually('told', () => condition('fleet', 'UpToDate'), 'False/RestartRequired');
    await eventually('Event', () => toldOf('fleet-1').includes('Pod/RestartRequired'), true);
    const uids = [uidOf('fleet-0'), uidOf('fleet-1')];
    done(patch('recdb', 'fleet', 'merge', '{"spec":{"restarts":"OneAtATime"}}', 'shop'));
    await eventually('refused', () => condition('fleet', 'UpToDate'), 'False/EvictionRefused');
    expect(message('fleet', 'UpToDate')).toContain('fleet-1: ');
    expect([uidOf('fleet-0'), uidOf('fleet-1')]).toEqual(uids);
    budget(1);
    await eventually('the highest ordinal is evicted', () => uidOf('fleet-1'), '');
    expect(uidOf('fleet-0')).toBe(uids[0]);
    await eventually('it waits', () => condition('fleet', 'UpToDate'), 'False/WaitingForPod');
  }, 90_000);

  it('goes on as another leader, and not before the evicted pod is back and ready', async () => {
    const uid = uidOf('fleet-0');
    await operator.changeLeader();
    await make('fleet-1', false);
    tell('fleet-1', podAddress(4), '1', false);
    await play('fleet-1', podAddress(4));
    budget(1);
    await eventually(
      'its recorder is heard',
      () => get('recdb', 'fleet', '.status.pods[1].mode'),
      'AddressSwap',
    );
    expect([uidOf('fleet-0'), rollout().active?.pod]).toEqual([uid, 'fleet-1']);
    tell('fleet-1', podAddress(4), '1');
    await eventually('the next', () => uidOf('fleet-0'), '');
    await make('fleet-0', false);
    tell('fleet-0', podAddress(3), '1');
    await play('fleet-0', podAddress(3));
    await eventually('done', () => condition('fleet', 'UpToDate'), 'True/Current');
    await eventually('Event', () => toldOf('fleet-0').includes('Pod/Evicted'), true);
  }, 120_000);

  it('changes the image in running pods when asked to, the next when the first is ready, and nothing else', async () => {
    const image = `registry.example/pgtape@sha256:${'1'.repeat(64)}`;
    const before = [uidOf('fleet-0'), uidOf('fleet-1')];
    const imageOf = (name: string): string | undefined =>
      rawPod(name).spec.initContainers?.find((one) => one.name === 'pgtape-recorder')?.image;
    const spec = { restarts: 'Never', recorder: { image, upgrade: 'InPlace' } };
    done(patch('recdb', 'fleet', 'merge', JSON.stringify({ spec }), 'shop'));
    await eventually('the first', () => imageOf('fleet-1'), image);
    await eventually(
      'it waits',
      () => message('fleet', 'UpToDate'),
      'fleet-1 is not ready with its new image yet',
    );
    expect(imageOf('fleet-0')).not.toBe(image);
    tell('fleet-1', podAddress(4), '2');
    await eventually('the second', () => imageOf('fleet-0'), image);
    tell('fleet-0', podAddress(3), '2');
    await eventually('done', () => condition('fleet', 'UpToDate'), 'True/Current');
    expect([uidOf('fleet-0'), uidOf('fleet-1')]).toEqual(before);
  }, 90_000);

  it('stops after two pods that came back without a recorder', async () => {
    for (const name of ['fleet-0', 'fleet-1']) {
      done(['-n', 'shop', 'delete', 'pod', name, '--grace-period=0', '--force']);
      await make(name, true);
      tell(name, played.get(name)?.ip ?? '', '1');
    }
    budget(1);
    done(patch('recdb', 'fleet', 'merge', '{"spec":{"restarts":"OneAtATime"}}', 'shop'));
    for (const failures of [0, 1]) {
      await eventually('evicted', () => [uidOf('fleet-1'), rollout().failures], ['', failures]);
      // Not told by a kubelet: no budget protects a pod that does not run yet.
      await make('fleet-1', true);
    }
    await eventually('it stops', () => condition('fleet', 'UpToDate'), 'False/StoppedAfterFailures');
    expect(message('fleet', 'UpToDate')).toContain('fleet-1 came back, and still: it has no recorder');
    await eventually('Event', () => toldOf('fleet').includes('RecordedDatabase/StoppedAfterFailures'), true);
    done(['-n', 'shop', 'delete', 'recdb', 'fleet']);
    done(['-n', 'shop', 'delete', 'pods', '-l', 'app=fleet', '--grace-period=0', '--force']);
    done(['-n', 'shop', 'delete', 'pdb', 'fleet']);
  }, 120_000);

  it('makes the Service that capture mode Service leads clients to, and takes it away with its database', async () => {
    const ports = (): string => get('service', 'moved-recorded', '.spec.ports[*].name');
    const port = '[{"op":"add","path":"/spec/ports/-","value":{"name":"more","port":1,"targetPort":5432}}]';
    done(['apply', '-f', '-'], operator.database('moved', { capture: { mode: 'Service' } }));
    await eventually('Service', ports, 'postgresql');
    expect(get('service', 'moved-recorded', '.spec.ports[0].targetPort')).toBe('6432');
    expect(get('service', 'moved-recorded', '.spec.selector.app')).toBe('moved');
    done(patch('service', 'moved-recorded', 'json', port, 'shop'));
    await eventually('reverted', ports, 'postgresql');
    done(['-n', 'shop', 'delete', 'recdb', 'moved']);
    await eventually('gone', () => done(['-n', 'shop', 'get', 'services', '-o', 'name']), '');
  }, 60_000);
}
