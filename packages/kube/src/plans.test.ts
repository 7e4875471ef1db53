import { backoffMs } from './backoff.ts';
import { KubeError, statusError } from './kubeError.ts';
import { isNewer, type KubeObject, splitKey, withoutManagedFields } from './kubeObject.ts';
import { leaseMove, leaseObject, type ObservedLease, observed, ordinaryTiming } from './leasePlan.ts';
import { microTime } from './microTime.ts';
import { type Ended, stepAfter } from './reflectorPlan.ts';
import { configMaps, leases, namespaces, pods, type ResourcePlace, resourcePath } from './resource.ts';
import { watchEventOf } from './watchEvent.ts';

const gone = new KubeError('KUBE_GONE', 'gone', { status: 410 });
const refused = new KubeError('KUBE_UNREACHABLE', 'refused');
const throttled = new KubeError('KUBE_THROTTLED', 'slow', { status: 429, retryAfterMs: 8000 });

describe('resourcePath', () => {
  it.each([
    [pods, {}, '/api/v1/pods'],
    [pods, { namespace: 'shop' }, '/api/v1/namespaces/shop/pods'],
    [pods, { namespace: 'shop', name: 'db-0' }, '/api/v1/namespaces/shop/pods/db-0'],
    [
      pods,
      { namespace: 'shop', name: 'db-0', subresource: 'eviction' },
      '/api/v1/namespaces/shop/pods/db-0/eviction',
    ],
    [namespaces, { name: 'shop' }, '/api/v1/namespaces/shop'],
    [leases, { namespace: 'a', name: 'b' }, '/apis/coordination.k8s.io/v1/namespaces/a/leases/b'],
    [configMaps, { namespace: 'a', name: '../x y' }, '/api/v1/namespaces/a/configmaps/..%2Fx%20y'],
  ])('%j %j is %s', (resource, place, path) => {
    expect(resourcePath(resource, place)).toBe(path);
  });

  it.each<[typeof pods, ResourcePlace]>([
    [pods, { name: 'db-0' }],
    [namespaces, { namespace: 'x' }],
    [pods, { namespace: 'x', subresource: 'status' }],
    [pods, { namespace: '..', name: 'x' }],
    [pods, { namespace: 'x', name: '' }],
  ])('refuses %j %j', (resource, place) => {
    expect(() => resourcePath(resource, place)).toThrow(RangeError);
  });
});

describe('backoffMs', () => {
  const limits = { firstMs: 100, maxMs: 5000 };
  it.each([
    { failures: 0, random: 0, ms: 50 },
    { failures: 1, random: 0, ms: 50 },
    { failures: 1, random: 0.999, ms: 100 },
    { failures: 4, random: 0.5, ms: 600 },
    { failures: 7, random: 0.999, ms: 4998 },
    { failures: 1000, random: 0, ms: 2500 },
  ])('waits $ms ms after $failures failures at $random', ({ failures, random, ms }) => {
    expect(backoffMs(limits, failures, random)).toBe(ms);
  });
});

describe('stepAfter', () => {
  const cases: [string, Ended, number, ReturnType<typeof stepAfter>][] = [
    ['a list', { of: 'list', how: 'done' }, 3, { next: 'watch', waitMs: 0, failures: 0 }],
    ['the time for a list', { of: 'watch', how: 'due' }, 2, { next: 'list', waitMs: 0, failures: 0 }],
    [
      'a long watch',
      { of: 'watch', how: 'ended', livedMs: 300_000, heard: false },
      0,
      { next: 'watch', waitMs: 0, failures: 0 },
    ],
    [
      'a watch that ends at once',
      { of: 'watch', how: 'ended', livedMs: 3, heard: false },
      1,
      { next: 'watch', waitMs: 800, failures: 2 },
    ],
    [
      'a broken watch',
      { of: 'watch', how: 'failed', error: refused, livedMs: 0, heard: false },
      2,
      { next: 'watch', waitMs: 1600, failures: 3 },
    ],
    [
      'a watch that broke after it had stood',
      { of: 'watch', how: 'failed', error: refused, livedMs: 60_000, heard: false },
      9,
      { next: 'watch', waitMs: 400, failures: 1 },
    ],
    [
      'a watch that broke soon after it had told something',
      { of: 'watch', how: 'failed', error: refused, livedMs: 10, heard: true },
      9,
      { next: 'watch', waitMs: 400, failures: 1 },
    ],
    [
      'a version too old',
      { of: 'watch', how: 'failed', error: gone, livedMs: 0, heard: false },
      0,
      { next: 'list', waitMs: 0, failures: 1 },
    ],
    [
      'a version too old again and again',
      { of: 'watch', how: 'failed', error: gone, livedMs: 0, heard: false },
      5,
      { next: 'list', waitMs: 12_800, failures: 6 },
    ],
    [
      'Retry-After',
      { of: 'watch', how: 'failed', error: throttled, livedMs: 0, heard: false },
      0,
      { next: 'watch', waitMs: 8000, failures: 1 },
    ],
    [
      'a failed list',
      { of: 'list', how: 'failed', error: refused },
      40,
      { next: 'list', waitMs: 15_000, failures: 41 },
    ],
  ];
  it.each(cases)('after %s', (_, ended, failures, step) => {
    expect(stepAfter(ended, failures, 0)).toEqual(step);
  });
});

describe('statusError', () => {
  it.each([
    { status: 401, body: null, header: undefined, code: 'KUBE_UNAUTHORIZED', reason: '', retryAfterMs: null },
    {
      status: 409,
      body: { reason: 'AlreadyExists', message: 'there' },
      header: undefined,
      code: 'KUBE_CONFLICT',
      reason: 'AlreadyExists',
      retryAfterMs: null,
    },
    { status: 418, body: 'no', header: 'tomorrow', code: 'KUBE_INVALID', reason: '', retryAfterMs: null },
    { status: 429, body: {}, header: '3', code: 'KUBE_THROTTLED', reason: '', retryAfterMs: 3000 },
    {
      status: 503,
      body: { details: { retryAfterSeconds: 1 } },
      header: undefined,
      code: 'KUBE_SERVER',
      reason: '',
      retryAfterMs: 1000,
    },
  ])('$status is $code', ({ status, body, header, code, reason, retryAfterMs }) => {
    const error = statusError('GET /x', status, body, header);
    expect({
      code: error.code,
      reason: error.reason,
      retryAfterMs: error.retryAfterMs,
      status: error.status,
    }).toEqual({ code, reason, retryAfterMs, status });
  });

  it.each<[string, unknown, unknown[]]>([
    ['none', undefined, []],
    ['no list', 'x', []],
    [
      'a conflict, and what is none',
      [
        { reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.data.x' },
        null,
        7,
        { field: 3 },
      ],
      [
        { reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.data.x' },
        ...Array(3).fill({ reason: '', message: '', field: '' }),
      ],
    ],
    ['too many', Array(100).fill({}), Array(32).fill({ reason: '', message: '', field: '' })],
  ])('causes: %s', (_, causes, wanted) => {
    expect(statusError('PATCH /x', 409, { details: { causes } }, undefined).causes).toEqual(wanted);
  });
});

describe('watchEventOf', () => {
  const metadata = { name: 'a', resourceVersion: '7' };
  it.each([
    [
      '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}',
      { type: 'changed', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata }, version: '7' },
    ],
    [
      '{"type":"DELETED","object":{"kind":"X","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"7"}}}',
      { type: 'deleted', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata }, version: '7' },
    ],
    ['{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}', { type: 'bookmark', version: '9' }],
    ['{"type":"BOOKMARK","object":{}}', { type: 'unreadable' }],
    ['{"type":"ADDED","object":{"metadata":{"name":"a"}}}', { type: 'unreadable' }],
    ['{"type":"NEW","object":{"metadata":{"name":"a","resourceVersion":"7"}}}', { type: 'unreadable' }],
    ['{"type":', { type: 'unreadable' }],
    ['null', { type: 'unreadable' }],
    ['', { type: 'unreadable' }],
  ])('%s', (line, event) => {
    expect(watchEventOf(configMaps, line)).toEqual(event);
  });

  it.each([
    ['{"type":"ERROR","object":{"code":410,"reason":"Expired"}}', 'KUBE_GONE'],
    ['{"type":"ERROR","object":{"code":500}}', 'KUBE_SERVER'],
    ['{"type":"ERROR"}', 'KUBE_SERVER'],
  ])('%s ends the watch with %s', (line, code) => {
    const event = watchEventOf(configMaps, line);
    expect(event.type === 'error' && event.error.code).toBe(code);
  });
});

describe('objects', () => {
  it.each([
    ['9', '10', false],
    ['10', '9', true],
    ['10', '10', false],
    ['18446744073709551615', '18446744073709551614', true],
    ['x', '1', false],
  ])('version %s newer than %s: %s', (a, b, newer) => {
    expect(isNewer(a, b)).toBe(newer);
  });

  it('go without managedFields and lose nothing else', () => {
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', managedFields: [{}] },
      spec: { unknownToTypes: [1] },
    };
    expect(withoutManagedFields(object)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { unknownToTypes: [1] },
    });
  });

  it.each([
    ['a/b', { namespace: 'a', name: 'b' }],
    ['b', { name: 'b' }],
  ])('key %s', (key, parts) => {
    expect(splitKey(key)).toEqual(parts);
  });
});

describe('leases', () => {
  const lease = (spec: object): KubeObject => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l', namespace: 'n', resourceVersion: '5' },
    spec,
  });
  const seen = (holder: string, sinceMs: number): ObservedLease => ({ holder, record: 'r', sinceMs });

  it.each([
    { name: 'no lease', found: null, now: 0, move: { move: 'create' } },
    { name: 'ours', found: seen('me', 0), now: 99_000, move: { move: 'renew' } },
    { name: 'given away', found: seen('', 0), now: 1, move: { move: 'take', from: '' } },
    { name: 'another, alive', found: seen('you', 1000), now: 15_999, move: { move: 'wait', holder: 'you' } },
    { name: 'another, silent', found: seen('you', 1000), now: 16_000, move: { move: 'take', from: 'you' } },
  ])('$name', ({ found, now, move }) => {
    expect(leaseMove(found, 'me', now, ordinaryTiming)).toEqual(move);
  });

  it('count from when a record was first seen, by our clock, whatever its times say', () => {
    const first = observed(
      lease({ holderIdentity: 'you', renewTime: '1990-01-01T00:00:00.000000Z' }),
      null,
      100,
    );
    const same = observed(
      lease({ holderIdentity: 'you', renewTime: '1990-01-01T00:00:00.000000Z' }),
      first,
      900,
    );
    const renewed = observed(
      lease({ holderIdentity: 'you', renewTime: '1990-01-01T00:00:01.000000Z' }),
      same,
      950,
    );
    expect([first.sinceMs, same.sinceMs, renewed.sinceMs]).toEqual([100, 100, 950]);
  });

  it.each([
    { name: 'create', before: null, holder: 'me', acquired: 'now', transitions: 0, seconds: 15 },
    {
      name: 'renew',
      before: { holderIdentity: 'me', acquireTime: 'then', leaseTransitions: 4 },
      holder: 'me',
      acquired: 'then',
      transitions: 4,
      seconds: 15,
    },
    {
      name: 'take',
      before: { holderIdentity: 'you', acquireTime: 'then', leaseTransitions: 4 },
      holder: 'me',
      acquired: 'now',
      transitions: 5,
      seconds: 15,
    },
    {
      name: 'give away',
      before: { holderIdentity: 'me', acquireTime: 'then', leaseTransitions: 4 },
      holder: '',
      acquired: 'now',
      transitions: 4,
      seconds: 1,
    },
  ])('$name', ({ before, holder, acquired, transitions, seconds }) => {
    const now = '2026-11-20T17:00:00.123000Z';
    const written = leaseObject(
      { namespace: 'n', name: 'l' },
      before === null ? null : lease(before),
      holder,
      Date.UTC(2026, 10, 20, 17, 0, 0, 123),
      ordinaryTiming,
    );
    expect(written.spec).toEqual({
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      acquireTime: acquired === 'now' ? now : acquired,
      renewTime: now,
      leaseTransitions: transitions,
    });
    expect(written.metadata.resourceVersion).toBe(before === null ? undefined : '5');
  });

  it('have microseconds', () => {
    expect(microTime(1_795_193_999_001.9)).toBe(
      `${new Date(1_795_193_999_001).toISOString().slice(0, -1)}000Z`,
    );
  });
});
