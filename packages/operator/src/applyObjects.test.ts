/** Who changed what of the operator's objects, as far as the API server tells, and that it stands there again. */
import { KubeError, type KubeObject, KubeObjects, type KubeRequest, type KubeTransport } from '@pgtape/kube';
import { applyObjects, type Written } from './applyObjects.ts';
import { changedFields, conflictingManagers, otherManagers } from './drift.ts';
import { driftNotices } from './notices.ts';

const wanted: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'pgtape-orders',
    namespace: 'shop',
    labels: { 'app.kubernetes.io/managed-by': 'pgtape-operator' },
    annotations: { 'pgtape.dev/recorded-by': 'shop/orders' },
  },
  data: { 'recorder.yaml': 'ours', 'ca.crt': 'pem' },
};
const live = (data: object, more: object = {}): KubeObject => ({
  ...wanted,
  metadata: { ...wanted.metadata, uid: 'u', resourceVersion: '7', ...more },
  data,
});
const changed = live({ 'recorder.yaml': 'theirs', 'ca.crt': 'pem' });
const added = live({ ...(wanted.data as object), more: 'x' });
const conflictWith = (...managers: string[]): KubeError =>
  new KubeError('KUBE_CONFLICT', 'apply failed', {
    status: 409,
    causes: managers.map((manager) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${manager}" using v1`,
      field: '.data.recorder.yaml',
    })),
  });

type Answer = KubeObject | KubeError;

/** An API server that answers in this order. */
class Scripted implements KubeTransport {
  readonly asked: string[] = [];
  readonly #answers: Answer[];

  constructor(answers: readonly Answer[]) {
    this.#answers = [...answers];
  }

  async request({ method, query = {} }: KubeRequest): Promise<unknown> {
    const said = Object.entries(query).map(([name, value]) => `${name}=${value}`);
    this.asked.push([method, ...said].join(' '));
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error(`${method} was not expected`);
    if (answer instanceof KubeError) throw answer;
    return answer;
  }

  // biome-ignore lint/correctness/useYield: nothing is watched here
  async *lines(): AsyncGenerator<string> {
    throw new KubeError('KUBE_SERVER', 'nothing is watched here');
  }
}

async function applied(
  found: KubeObject | undefined,
  answers: readonly Answer[],
  wasWritten: boolean,
): Promise<{ asked: readonly string[]; written: readonly Written[] }> {
  const api = new Scripted(answers);
  const written = await applyObjects(new KubeObjects(api), {
    wanted: [wanted],
    live: found === undefined ? [] : [found],
    wasWritten: () => wasWritten,
    remember: () => undefined,
    signal: AbortSignal.timeout(10_000),
  });
  return { asked: api.asked, written };
}

const ours = { ...wanted, metadata: { ...wanted.metadata, uid: 'u', resourceVersion: '8' } };
const apply = 'PATCH fieldManager=pgtape-operator';
const force = `${apply} force=true`;
const replace = 'PUT fieldManager=pgtape-operator';
const withManagers = (object: KubeObject, ...managers: object[]): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, managedFields: managers },
});

describe('applyObjects', () => {
  it.each<{
    name: string;
    found: KubeObject | undefined;
    answers: readonly Answer[];
    wasWritten?: boolean;
    asked: readonly string[];
    how: string | null;
    note?: string;
  }>([
    { name: 'is as it should be', found: ours, answers: [], asked: [], how: null },
    { name: 'is not there', found: undefined, answers: [ours], asked: [apply], how: 'created' },
    {
      name: 'is of an older configuration',
      found: changed,
      answers: [ours],
      asked: [apply],
      how: 'changed',
    },
    {
      name: 'was changed with kubectl',
      found: changed,
      answers: [conflictWith('kubectl-edit', 'kubectl-edit'), ours],
      wasWritten: true,
      asked: [apply, force],
      how: 'reverted',
      note: 'changed by somebody else, with kubectl-edit (data.recorder.yaml)',
    },
    {
      name: 'was changed before this process led',
      found: changed,
      answers: [conflictWith('kubectl-edit'), ours],
      asked: [apply, force],
      how: 'reverted',
      note: 'changed by somebody else, with kubectl-edit (data.recorder.yaml)',
    },
    {
      name: 'was added to, which no apply takes away',
      found: added,
      answers: [
        withManagers(
          { ...added },
          { manager: 'curl' },
          { manager: 'pgtape-operator' },
          { manager: 'kubelet', subresource: 'status' },
        ),
        ours,
      ],
      asked: [apply, replace],
      how: 'reverted',
      note: 'changed by somebody else, with curl (data.more)',
    },
    {
      name: 'was changed and added to, by two',
      found: live({ 'recorder.yaml': 'theirs', more: 'x' }),
      answers: [conflictWith('kubectl-edit'), withManagers(added, { manager: 'curl' }), ours],
      wasWritten: true,
      asked: [apply, force, replace],
      how: 'reverted',
      note: 'changed by somebody else, with kubectl-edit, curl (data.ca.crt, data.more, data.recorder.yaml)',
    },
    {
      name: 'was deleted',
      found: undefined,
      answers: [ours],
      wasWritten: true,
      asked: [apply],
      how: 'reverted',
      note: 'deleted by somebody else',
    },
    {
      name: 'was changed, and nobody says by whom',
      found: changed,
      answers: [ours],
      wasWritten: true,
      asked: [apply],
      how: 'reverted',
      note: 'changed by somebody else (data.recorder.yaml)',
    },
    {
      name: 'was written already, and the watch has not told',
      found: live({ 'recorder.yaml': 'older' }),
      answers: [live(wanted.data as object)],
      wasWritten: true,
      asked: [apply],
      how: null,
    },
    {
      name: 'is refused for another reason',
      found: changed,
      answers: [new KubeError('KUBE_CONFLICT', 'uid mismatch', { status: 409 })],
      asked: [apply],
      how: 'failed',
    },
    {
      name: 'contradicts what others added, so that it is replaced whole',
      found: added,
      answers: [conflictWith('kubectl-edit'), new KubeError('KUBE_INVALID', 'both'), ours],
      asked: [apply, force, replace],
      how: 'reverted',
      note: 'changed by somebody else, with kubectl-edit (data.more)',
    },
  ])('$name: $how', async ({ found, answers, wasWritten = false, asked, how, note }) => {
    const done = await applied(found, answers, wasWritten);
    expect([done.asked, done.written.map((one) => one.how)]).toEqual([asked, how === null ? [] : [how]]);
    const says = 'and is again what RecordedDatabase shop/orders says';
    expect(driftNotices(done.written).map((told) => [told.type, told.reason, told.note])).toEqual(
      note === undefined
        ? []
        : [['Warning', 'DriftReverted', `ConfigMap/shop/pgtape-orders was ${note} ${says}`]],
    );
  });
});

describe('what is told of a change', () => {
  it('names fields, never what is in them, and no more than eight', () => {
    const secret = live(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`k${at}`, 'password'])));
    const named = changedFields(secret, wanted);
    expect(named).toHaveLength(8);
    expect(named.join()).not.toContain('password');
  });

  it.each([
    { name: 'labels', more: { labels: {} }, fields: ['metadata.labels'] },
    { name: 'annotations', more: { annotations: undefined }, fields: ['metadata.annotations'] },
    { name: "somebody's own label", more: { labels: { ...wanted.metadata.labels, x: 'y' } }, fields: [] },
  ])('$name', ({ more, fields }) => {
    expect(changedFields(live(wanted.data as object, more), wanted)).toEqual(fields);
  });

  it.each<[string, unknown, string[]]>([
    ['no error of ours', new Error('conflict with "x"'), []],
    ['words that are not known', conflictWith('').causes, []],
    ['a long name', conflictWith('x'.repeat(200)), ['x'.repeat(63)]],
    ['itself, by a replace', conflictWith('pgtape-operator', 'kubectl'), ['kubectl']],
  ])('takes managers from %s', (_, error, managers) => {
    expect(conflictingManagers(error)).toEqual(managers);
  });

  it.each([[undefined], ['x'], [[{ manager: 7 }]], [[null]]])(
    'takes no managers from %j',
    (managedFields) => {
      expect(otherManagers({ ...wanted, metadata: { ...wanted.metadata, managedFields } })).toEqual([]);
    },
  );
});
