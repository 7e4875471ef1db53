/** What each shape of pod gets: patches as golden files beside the pods in testdata/pods, and what stands in the way. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capturePlan } from './capturePlan.ts';
import { inject } from './injection.ts';
import type { InjectionPlan } from './injectionPlan.ts';
import { applyPatch } from './jsonPatch.testing.ts';
import { PodFacts, platformOf, qosOf } from './podFacts.ts';
import { CaptureMode, RecordedDatabaseSpec } from './recordedDatabase.ts';

const dir = join(import.meta.dirname, '../../../testdata/pods');
const pods = readdirSync(dir)
  .filter((file) => /^[a-z-]+\.json$/.test(file))
  .map((file) => file.replace('.json', ''))
  .sort();
const podOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8')) as Record<string, unknown>;
const factsOf = (name: string) => PodFacts.parse(podOf(name));
const containerOf = (name: string) => (name === 'crunchy' ? 'database' : 'postgres');
const namedPorts: Readonly<Record<string, string>> = { crunchy: 'postgres', bitnami: 'tcp-postgresql' };

function planFor(name: string, over: Partial<InjectionPlan> = {}, spec: object = {}): InjectionPlan {
  return {
    database: 'shop/orders',
    spec: RecordedDatabaseSpec.parse({
      selector: { matchLabels: { app: 'orders' } },
      archiveRef: 'audit',
      capture: { container: containerOf(name) },
      ...spec,
    }),
    image: `registry.example/pgtape@sha256:${'0'.repeat(64)}`,
    config: '{"listen":{}}',
    platform: platformOf(factsOf(name), containerOf(name)),
    podSecurity: 'restricted',
    namedPort: namedPorts[name] ?? null,
    minorVersion: 36,
    ...over,
  };
}

describe('inject', () => {
  it.each(pods)('%s gets the patch in the golden file', (name) => {
    const injection = inject(podOf(name), planFor(name));
    const text = `${JSON.stringify(injection, null, 2)}\n`;
    const golden = join(dir, `${name}.injected.golden`);
    if (process.env.PGTAPE_GOLDEN === 'write') writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it.each(pods.filter((name) => name !== 'host-network'))(
    '%s keeps everything it had, and its QoS class',
    (name) => {
      const raw = podOf(name);
      const injection = inject(raw, planFor(name));
      if (injection.outcome !== 'patch') throw new Error(injection.reason);
      const after = applyPatch(raw, injection.patch) as Record<string, never>;
      expect(qosOf(PodFacts.parse(after))).toBe(qosOf(PodFacts.parse(raw)));
      if (injection.mode === 'Service')
        expect(PodFacts.parse(after).spec.containers).toEqual(factsOf(name).spec.containers);
      expect(after).toMatchObject({
        metadata: raw.metadata as object,
        spec: { volumes: expect.arrayContaining(factsOf(name).spec.volumes ?? []) },
      });
    },
  );

  it.each(pods.filter((name) => name !== 'host-network'))('%s injected twice is injected once', (name) => {
    const raw = podOf(name);
    const injection = inject(raw, planFor(name));
    if (injection.outcome !== 'patch') throw new Error(injection.reason);
    const after = applyPatch(raw, injection.patch);
    expect(inject(after, planFor(name))).toEqual({ outcome: 'skip', reason: 'injected', refused: [] });
    expect(inject(after, planFor(name, { config: '{}' }))).toMatchObject({ reason: 'name_taken' });
    expect(inject(after, planFor(name, { database: 'shop/other' }))).toMatchObject({ reason: 'name_taken' });
  });

  it.each<[string, Partial<InjectionPlan>, object, object, string[]]>([
    [
      'a claim',
      { podSecurity: 'baseline' },
      { outboxVolume: 'Claim', claimName: 'outbox' },
      {},
      ['pgtape-outbox'],
    ],
    [
      'a claim of the pod',
      { podSecurity: 'privileged' },
      { outboxVolume: 'Ephemeral' },
      {},
      ['pgtape-outbox'],
    ],
    [
      'a claim, with an fsGroup',
      { podSecurity: 'baseline' },
      { outboxVolume: 'Ephemeral' },
      { fsGroup: 999 },
      [],
    ],
    ['a claim, where nobody is root', { podSecurity: 'restricted' }, { outboxVolume: 'Ephemeral' }, {}, []],
    ['an emptyDir', { podSecurity: 'privileged' }, {}, {}, []],
  ])(
    'the outbox is given to the recorder, which is not its owner: %s',
    (_, over, spool, securityContext, wanted) => {
      const raw = podOf('plain');
      Object.assign(raw.spec as object, { securityContext });
      const injection = inject(raw, planFor('plain', over, { spool }));
      if (injection.outcome !== 'patch') throw new Error(injection.reason);
      const after = PodFacts.parse(applyPatch(raw, injection.patch));
      const names = (after.spec.initContainers ?? []).map(({ name }) => name);
      expect(names.slice(0, -1)).toEqual(wanted);
      expect(names.at(-1)).toBe('pgtape-recorder');
    },
  );

  it.each(['Redirect', 'AddressSwap'])(
    'a Guaranteed pod stays so with init containers of ours (%s)',
    (mode) => {
      const name = 'official-guaranteed';
      const spec = { capture: { mode, container: containerOf(name) }, spool: { outboxVolume: 'Ephemeral' } };
      const injection = inject(
        podOf(name),
        planFor(name, { podSecurity: 'privileged', platform: 'Plain' }, spec),
      );
      if (injection.outcome !== 'patch') throw new Error(injection.reason);
      expect(qosOf(PodFacts.parse(applyPatch(podOf(name), injection.patch)))).toBe('Guaranteed');
    },
  );

  it.each([
    ['not_selected', { selector: { matchLabels: { app: 'other' } } }],
    ['unmanaged', { managementState: 'Unmanaged' }],
  ])('skips what is %s', (reason, spec) => {
    expect(inject(podOf('plain'), planFor('plain', {}, spec))).toEqual({
      outcome: 'skip',
      reason,
      refused: [],
    });
  });

  it('puts the redirect before the recorder, and both behind a mesh’s proxy', () => {
    const plan = planFor('mesh', { podSecurity: 'privileged' }, { capture: { mode: 'Redirect' } });
    const injection = inject(podOf('mesh'), plan);
    if (injection.outcome !== 'patch') throw new Error(injection.reason);
    const after = PodFacts.parse(applyPatch(podOf('mesh'), injection.patch));
    expect(after.spec.initContainers?.map(({ name }) => name)).toEqual([
      'istio-proxy',
      'pgtape-redirect',
      'pgtape-recorder',
      'other',
    ]);
  });

  it.each([
    ['Preferred', true],
    ['Required', false],
  ])(
    'a redirect that cannot be set keeps no pod from starting, unless recording is Required: %s',
    (admission, isOptional) => {
      const spec = { capture: { mode: 'Redirect' }, enforcement: { admission } };
      const text = JSON.stringify(
        inject(podOf('plain'), planFor('plain', { podSecurity: 'privileged' }, spec)),
      );
      expect(text.includes('"--optional"')).toBe(isOptional);
    },
  );

  it('mounts the credentials of coverage where a Secret is named, and starts without it', () => {
    const text = (spec: object): string => JSON.stringify(inject(podOf('plain'), planFor('plain', {}, spec)));
    const named = text({ coverage: { credentialsRef: 'watcher' } });
    expect(named).toContain('{"name":"pgtape-coverage","mountPath":"/etc/pgtape/coverage","readOnly":true}');
    expect(named).toContain('"secret":{"secretName":"watcher","optional":true,"defaultMode":292}');
    expect(text({})).not.toContain('pgtape-coverage');
  });

  it('refuses a patch whose ground has shifted', () => {
    const injection = inject(podOf('mesh'), planFor('mesh'));
    if (injection.outcome !== 'patch') throw new Error(injection.reason);
    const shifted = podOf('mesh') as { spec: { initContainers: { name: string }[] } };
    shifted.spec.initContainers.splice(1, 1);
    expect(() => applyPatch(shifted, injection.patch)).toThrow('/spec/initContainers/1/name');
  });

  it.each([null, {}, { metadata: {} }, { metadata: {}, spec: { containers: [] } }])(
    'throws for %j',
    (raw) => {
      expect(() => inject(raw, planFor('plain'))).toThrow();
    },
  );
});

describe('capturePlan', () => {
  type Row = readonly [pod: string, mode: CaptureMode, security: 'privileged' | 'baseline', result: string];
  const rows: readonly Row[] = [
    ['plain', 'Auto', 'baseline', 'AddressSwap'],
    ['plain', 'Redirect', 'baseline', 'none: Redirect pod_security'],
    ['plain', 'Redirect', 'privileged', 'Redirect'],
    ['plain', 'NamedPort', 'baseline', 'none: NamedPort no_named_port'],
    ['custom-command', 'AddressSwap', 'baseline', 'none: AddressSwap custom_command'],
    ['custom-command', 'Auto', 'privileged', 'Redirect: AddressSwap custom_command'],
    [
      'custom-command',
      'Auto',
      'baseline',
      'Service: AddressSwap custom_command, Redirect pod_security, NamedPort no_named_port',
    ],
    ['bitnami', 'Auto', 'baseline', 'AddressSwap'],
    ['bitnami', 'NamedPort', 'baseline', 'NamedPort'],
    // Measured: its replicas get "connection requires a valid client certificate", and never come up.
    [
      'cloudnative-pg',
      'Auto',
      'privileged',
      'Service: AddressSwap operator_owned, Redirect certificate_replicas, NamedPort operator_owned',
    ],
    ['cloudnative-pg', 'Redirect', 'privileged', 'Redirect'],
    ['crunchy', 'Auto', 'privileged', 'NamedPort: AddressSwap operator_owned, Redirect certificate_replicas'],
    ['zalando', 'Auto', 'privileged', 'Redirect: AddressSwap operator_owned'],
    [
      'cloudnative-pg',
      'Auto',
      'baseline',
      'Service: AddressSwap operator_owned, Redirect pod_security, NamedPort operator_owned',
    ],
    ['zalando', 'AddressSwap', 'privileged', 'none: AddressSwap operator_owned'],
    ['crunchy', 'Auto', 'baseline', 'NamedPort: AddressSwap operator_owned, Redirect pod_security'],
    [
      'host-network',
      'Auto',
      'privileged',
      'none: AddressSwap host_network, Redirect host_network, NamedPort host_network, Service host_network',
    ],
  ];
  it.each(rows)('%s, %s, %s: %s', (name, mode, podSecurity, result) => {
    const plan = capturePlan(
      factsOf(name),
      { mode, container: containerOf(name) },
      planFor(name, { podSecurity }),
    );
    const instead = plan.instead.map(({ mode: other, why }) => `${other} ${why}`).join(', ');
    expect(`${plan.mode ?? 'none'}${instead && `: ${instead}`}`).toBe(result);
  });

  it('chooses Redirect where the replicas that log in with certificates are named', () => {
    const plan = planFor('cloudnative-pg', { podSecurity: 'privileged' });
    const asked = { mode: 'Auto', container: 'postgres', rawPeers: ['10.1.0.0/24'] } as const;
    expect(capturePlan(factsOf('cloudnative-pg'), asked, plan)).toEqual({
      mode: 'Redirect',
      instead: [{ mode: 'AddressSwap', why: 'operator_owned' }],
    });
  });

  it('needs a cluster that leads named ports to sidecars', () => {
    const plan = planFor('bitnami', { minorVersion: 31 });
    expect(capturePlan(factsOf('bitnami'), { mode: 'NamedPort', container: 'postgres' }, plan)).toEqual({
      mode: null,
      instead: [{ mode: 'NamedPort', why: 'old_cluster' }],
    });
  });

  it('needs the container it is told', () => {
    for (const mode of CaptureMode.options.filter((one) => one !== 'Auto'))
      expect(capturePlan(factsOf('plain'), { mode, container: 'db' }, planFor('plain'))).toEqual({
        mode: null,
        instead: [{ mode, why: 'no_container' }],
      });
  });
});
