import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
}

const directory = fileURLToPath(new URL('../../../deploy/iam/', import.meta.url));
const names = readdirSync(directory).filter((file) => file.endsWith('.json'));

function statementsOf(name: string): readonly Statement[] {
  const policy = JSON.parse(readFileSync(`${directory}${name}`, 'utf8')) as {
    Version: string;
    Statement: Statement[];
  };
  expect(policy.Version).toBe('2012-10-17');
  return policy.Statement;
}

/** What IAM decides for an object below the prefix, or for the bucket: a denial wins. */
function may(name: string, action: string): boolean {
  const fitting = statementsOf(name).filter(({ Action }) => Action.includes(action));
  return fitting.some(({ Effect }) => Effect === 'Allow') && !fitting.some(({ Effect }) => Effect === 'Deny');
}

const weakening = ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'] as const;
const rights = {
  put: ['s3:PutObject'],
  retain: ['s3:PutObjectRetention'],
  hold: ['s3:PutObjectLegalHold'],
  read: ['s3:GetObject', 's3:GetObjectVersion'],
  inspect: [
    's3:GetObjectRetention',
    's3:GetObjectLegalHold',
    's3:ListBucketVersions',
    's3:GetBucketObjectLockConfiguration',
  ],
  setUp: [
    's3:PutBucketObjectLockConfiguration',
    's3:PutBucketVersioning',
    's3:PutBucketPolicy',
    's3:PutLifecycleConfiguration',
  ],
} as const;

const roles = [
  { name: 'writer.json', may: ['put', 'retain', 'hold', 'read', 'inspect'] },
  { name: 'reader.json', may: ['read', 'inspect'] },
  { name: 'hold-officer.json', may: ['retain', 'hold', 'inspect'] },
  { name: 'bucket-admin.json', may: ['setUp'] },
];

describe('deploy/iam', () => {
  it('has these four roles', () => {
    expect([...names].sort()).toEqual(roles.map(({ name }) => name).sort());
  });

  it.each(roles)('$name: may $may, and nothing else', ({ name, may: expected }) => {
    const found = Object.entries(rights)
      .filter(([, actions]) => actions.every((action) => may(name, action)))
      .map(([right]) => right);
    expect(found.sort()).toEqual([...expected].sort());
    const partly = Object.entries(rights)
      .filter(([right]) => !expected.includes(right) && right !== 'read' && right !== 'inspect')
      .flatMap(([, actions]) => actions.filter((action) => may(name, action)));
    expect(partly).toEqual([]);
  });

  it.each(roles)('$name: nobody may delete or bypass', ({ name }) => {
    expect(weakening.filter((action) => may(name, action))).toEqual([]);
  });

  it.each(names)('%s: names every action it allows, and only this bucket', (name) => {
    for (const { Effect, Action, Resource } of statementsOf(name)) {
      expect(Action.filter((action) => !/^s3:[A-Z][A-Za-z]+$/.test(action))).toEqual([]);
      const resources = typeof Resource === 'string' ? [Resource] : Resource;
      const fits =
        Effect === 'Deny'
          ? /^arn:aws:s3:::BUCKET(\/(PREFIX\/)?\*)?$/
          : /^arn:aws:s3:::BUCKET(\/PREFIX\/\*)?$/;
      expect(resources.filter((resource) => !fits.test(resource))).toEqual([]);
      expect(new Set(Action).size).toBe(Action.length);
    }
  });

  it('the writer is told so: what weakens is denied, not only left out', () => {
    const denied = statementsOf('writer.json')
      .filter(({ Effect }) => Effect === 'Deny')
      .flatMap(({ Action }) => Action);
    expect(denied).toEqual(expect.arrayContaining([...weakening, ...rights.setUp]));
  });
});
