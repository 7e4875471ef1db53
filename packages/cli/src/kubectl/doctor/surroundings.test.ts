/** What a namespace holds that a recorder meets: LimitRanges, quotas, Services, NetworkPolicies, Secrets, archives. */
import type { KubeObject } from '@pgtape/kube';
import type { Read } from '../cluster.ts';
import { databaseView } from '../recordedDatabases.ts';
import { archiveFinding, conditionFinding, tlsSecretFinding } from './databaseChecks.ts';
import { networkPolicyFindings, selects, targetPortFinding } from './networkChecks.ts';
import { ContainerReading } from './podReading.ts';
import { quantityOf } from './quantity.ts';
import { limitRangeFinding, quotaFindings } from './resourceChecks.ts';

const read = <T>(value: T): Read<T> => ({ isRead: true, value });
const unread = { isRead: false, why: 'you may not' } as const;
const object = (kind: string, more: object): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'it', namespace: 'shop' },
  ...more,
});
const recorder = ContainerReading.parse({
  name: 'pgtape-recorder',
  resources: { requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '320Mi' } },
});
const bare = ContainerReading.parse({ name: 'pgtape-recorder' });

describe('quantityOf', () => {
  it.each([
    ['500m', 0.5],
    ['1.5', 1.5],
    [2, 2],
    ['64Mi', 67_108_864],
    ['2e3', 2000],
    ['1E', 1e18],
    ['.5', 0.5],
    ['128974848000m', 128_974_848],
    ['Mi', null],
    ['1 Gi', null],
    ['', null],
  ])('%s is %s', (text, value) => {
    expect(quantityOf(text)).toBe(value);
  });
});

describe('limitRangeFinding', () => {
  it.each<[string, object, ContainerReading | null, RegExp]>([
    ['max is met', { max: { memory: '1Gi', cpu: '1' } }, recorder, /^ok/],
    ['limit over max', { max: { memory: '256Mi' } }, recorder, /^fail it: memory: limit over max/],
    ['request under min', { min: { cpu: '250m' } }, recorder, /^fail it: cpu: request under min/],
    ['ratio', { maxLimitRequestRatio: { memory: '1' } }, recorder, /^fail it: memory: limit is over 1 times/],
    [
      'a default limit that is less than the request',
      { default: { cpu: '50m' } },
      recorder,
      /^fail it: cpu: request over the default limit/,
    ],
    ['defaults for what has nothing', { default: { cpu: '1' }, min: { cpu: '500m' } }, bare, /^ok/],
    ['no recorder', { max: { cpu: '1' } }, null, /^unknown/],
  ])('%s', (_, limits, container, wanted) => {
    const range = object('LimitRange', { spec: { limits: [{ type: 'Container', ...limits }] } });
    const { state, message } = limitRangeFinding('shop', read([range]), container);
    expect(`${state} ${message}`).toMatch(wanted);
  });

  it('counts no LimitRange of volumes', () => {
    const range = object('LimitRange', {
      spec: { limits: [{ type: 'PersistentVolumeClaim', max: { storage: '1' } }] },
    });
    expect(limitRangeFinding('shop', read([range]), recorder).state).toBe('ok');
    expect(limitRangeFinding('shop', unread, recorder)).toMatchObject({ state: 'unknown', act: 'cluster' });
  });
});

describe('quotaFindings', () => {
  const quota = (hard: object, used: object = {}, spec: object = {}): KubeObject =>
    object('ResourceQuota', { spec, status: { hard, used } });

  it.each<[string, KubeObject, number, RegExp]>([
    ['room', quota({ 'requests.cpu': '1', 'limits.memory': '2Gi' }, { 'requests.cpu': '800m' }), 2, /^ok/],
    [
      'no room',
      quota({ 'requests.cpu': '1' }, { 'requests.cpu': '850m' }),
      2,
      /^fail requests.cpu: 2 recorders need 0.2, 0.15/,
    ],
    ['no room, but none to be made', quota({ memory: '1Mi' }, { memory: '1Mi' }), 0, /^ok/],
    [
      'what every container must say',
      quota({ 'limits.cpu': '10' }),
      1,
      /^fail limits.cpu: every container must say it/,
    ],
    ['scopes', quota({ cpu: '1' }, {}, { scopes: ['BestEffort'] }), 1, /^unknown/],
    ['other things', quota({ pods: '1' }, { pods: '1' }), 1, /^ok/],
  ])('%s', (_, one, pods, wanted) => {
    const [found] = quotaFindings('shop', read([one]), read([]), recorder, pods);
    expect(`${found?.state} ${found?.message}`).toMatch(wanted);
  });

  it('fills in what a LimitRange gives', () => {
    const range = object('LimitRange', {
      spec: { limits: [{ type: 'Container', default: { cpu: '500m' } }] },
    });
    const [found] = quotaFindings('shop', read([quota({ 'limits.cpu': '10' })]), read([range]), recorder, 1);
    expect(found?.state).toBe('ok');
  });
});

describe('targetPortFinding', () => {
  const labels = { app: 'orders' };
  const service = (targetPort: string | number | undefined, selector: object = labels): KubeObject =>
    object('Service', {
      spec: { selector, ports: [{ port: 5432, ...(targetPort === undefined ? {} : { targetPort }) }] },
    });

  it.each<[string, KubeObject[], string, RegExp]>([
    ['any, in AddressSwap', [service(undefined)], 'AddressSwap', /^ok it \(by the number 5432\)/],
    ['by name, in NamedPort', [service('pg')], 'NamedPort', /^ok it \(by the name pg\)/],
    [
      'by number, in NamedPort',
      [service('pg'), service(5432)],
      'NamedPort',
      /^fail past the recorder: it \(by the number/,
    ],
    ['any, in Service', [service(5432)], 'Service', /^warn/],
    ['another’s', [service(5432, { app: 'other' })], 'NamedPort', /^ok no Service/],
    ['one without selector', [service(5432, {})], 'NamedPort', /^ok no Service/],
  ])('%s', (_, services, mode, wanted) => {
    const { state, message } = targetPortFinding('shop/orders-0', read(services), labels, 5432, mode);
    expect(`${state} ${message}`).toMatch(wanted);
  });
});

describe('networkPolicyFindings', () => {
  const policy = (spec: object): KubeObject => object('NetworkPolicy', { spec });
  const states = (...policies: KubeObject[]): string[] =>
    networkPolicyFindings('shop/orders-0', read(policies), { app: 'orders' }, 4317).map(({ state }) => state);

  it.each<[string, object[], string[]]>([
    ['none', [], ['ok']],
    ['of other pods', [{ podSelector: { matchLabels: { app: 'x' } }, policyTypes: ['Egress'] }], ['ok']],
    ['nothing goes out', [{ podSelector: {}, policyTypes: ['Egress'] }], ['fail']],
    [
      'only DNS goes out',
      [{ podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }] }],
      ['fail'],
    ],
    [
      'the vault’s port goes out',
      [{ podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 4000, endPort: 5000 }] }] }],
      ['ok'],
    ],
    [
      'another policy lets it out',
      [
        { podSelector: {}, policyTypes: ['Egress'] },
        { podSelector: {}, policyTypes: ['Egress'], egress: [{}] },
      ],
      ['ok'],
    ],
    ['only clients come in', [{ podSelector: {}, ingress: [{ ports: [{ port: 5432 }] }] }], ['warn']],
    ['ingress by default', [{ podSelector: {}, ingress: [] }], ['warn']],
    ['a named port may be any', [{ podSelector: {}, ingress: [{ ports: [{ port: 'health' }] }] }], ['ok']],
  ])('%s', (_, specs, wanted) => {
    expect(states(...specs.map(policy))).toEqual(wanted);
  });

  it.each([
    [{ key: 'app', operator: 'In', values: ['orders'] }, true],
    [{ key: 'app', operator: 'NotIn', values: ['orders'] }, false],
    [{ key: 'tier', operator: 'NotIn', values: ['x'] }, true],
    [{ key: 'tier', operator: 'Exists', values: [] }, false],
    [{ key: 'tier', operator: 'DoesNotExist', values: [] }, true],
    [{ key: 'tier', operator: 'In', values: ['x'] }, false],
  ])('%j: %s', (expression, wanted) => {
    expect(selects({ matchLabels: {}, matchExpressions: [expression] }, { app: 'orders' })).toBe(wanted);
  });
});

describe('tlsSecretFinding', () => {
  // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=orders -days 30, made 2026-11-27
  const certificate =
    'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkakNDQVIyZ0F3SUJBZ0lVZk1WenI0ODNmOUhBcXJnUlF2Q2xheGtM' +
    'eURNd0NnWUlLb1pJemowRUF3SXcKRVRFUE1BMEdBMVVFQXd3R2IzSmtaWEp6TUI0WERUSTJNVEV5TnpBME5URXhORm9YRFRJ' +
    'Mk1USXlOekEwTlRFeApORm93RVRFUE1BMEdBMVVFQXd3R2IzSmtaWEp6TUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFR' +
    'Y0RRZ0FFCjRJRC9FdDhEcVlZTnh2QmJkWkFRSGRncmpnYjJKQ1BFSlRsaWJ6eHp2b09UZHB3QnJpTXJleDBLeHoxY2NVdGEK' +
    'WlpPOXMzUGJyNDRXYnk0WVdFSDVaYU5UTUZFd0hRWURWUjBPQkJZRUZNSnkwZTZQMlFyN1Q5YjFLbGVPa1RWQwoyaVNwTUI4' +
    'R0ExVWRJd1FZTUJhQUZNSnkwZTZQMlFyN1Q5YjFLbGVPa1RWQzJpU3BNQThHQTFVZEV3RUIvd1FGCk1BTUJBZjh3Q2dZSUtv' +
    'Wkl6ajBFQXdJRFJ3QXdSQUlnQkJkcTR2WmpYRms2bVI1UW1odUJTeisrclFjNGp4N3cKa0l2MFp5SU13ZGtDSUhpSkh4Kzkz' +
    'ek8vZWQ4amFZNWRoTVIwN0FzTGxQR211ZUhPOS9haGl3NUQKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=';
  const now = Date.UTC(2026, 10, 28);
  const say = (secret: Parameters<typeof tlsSecretFinding>[2], at = now): string => {
    const { state, message } = tlsSecretFinding(
      { namespace: 'shop' },
      { tlsSecretName: 'orders-tls' },
      secret,
      at,
    );
    return `${state} ${message}`;
  };
  const secret = (data: object): Read<KubeObject | null> => read(object('Secret', { data }));
  const dayMs = 24 * 3600 * 1000;

  it.each<[string, string, RegExp]>([
    ['none is named', say(undefined), /^ok/],
    ['none is there', say(read(null)), /^fail there is no Secret/],
    ['nobody may read it', say(unread), /^unknown/],
    ['a key is missing', say(secret({ 'tls.crt': certificate })), /^fail it lacks tls.key/],
    [
      'no certificate',
      say(secret({ 'tls.crt': 'AAAA', 'tls.key': 'AAAA' })),
      /^fail its tls.crt is no certificate/,
    ],
    ['good', say(secret({ 'tls.crt': certificate, 'tls.key': 'x' })), /^ok its certificate ends 2026-12-27/],
    ['it ends soon', say(secret({ 'tls.crt': certificate, 'tls.key': 'x' }), now + 20 * dayMs), /^warn/],
    ['it has ended', say(secret({ 'tls.crt': certificate, 'tls.key': 'x' }), now + 40 * dayMs), /^fail/],
  ])('%s', (_, found, wanted) => {
    expect(found).toMatch(wanted);
  });
});

describe('archiveFinding and conditionFinding', () => {
  const condition = (type: string, status: string, reason: string): object => ({
    type,
    status,
    reason,
    message: 'm',
  });
  const archive = (...conditions: object[]): Read<KubeObject> =>
    read(object('RecordingArchive', { status: { conditions } }));

  it.each<[string, Read<KubeObject | null>, string]>([
    ['none', read(null), 'fail archive'],
    ['unread', unread, 'unknown cluster'],
    ['not served', archive(), 'unknown pgtape'],
    ['well', archive(condition('Ready', 'True', 'Serving')), 'ok nobody'],
    [
      'not locked',
      archive(condition('Ready', 'True', 'Serving'), condition('Locked', 'False', 'NoLock')),
      'fail archive',
    ],
    ['being tried', archive(condition('Locked', 'Unknown', 'NotProbed')), 'unknown nobody'],
  ])('archive: %s', (_, found, wanted) => {
    const { state, act } = archiveFinding('audit', found);
    expect(`${state} ${act}`).toBe(wanted);
  });

  const spec = { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' };
  it.each<[string, object, string]>([
    ['not understood', { spec: {} }, 'fail database'],
    ['not looked at', { spec }, 'unknown pgtape'],
    ['well', { spec, status: { conditions: [condition('Ready', 'True', 'Injected')] } }, 'ok nobody'],
    [
      'unmanaged',
      {
        spec: { ...spec, managementState: 'Unmanaged' },
        status: { conditions: [condition('Ready', 'False', 'Unmanaged')] },
      },
      'warn database',
    ],
    [
      'ill',
      { spec, status: { conditions: [condition('Guarded', 'False', 'GuardNotWritten')] } },
      'fail pgtape',
    ],
  ])('database: %s', (_, more, wanted) => {
    const { state, act } = conditionFinding(databaseView(object('RecordedDatabase', more)));
    expect(`${state} ${act}`).toBe(wanted);
  });
});
