import { problemText } from './applyObjects.ts';
import { renewed } from './certificateMaterial.ts';
import { certificateSecret, materialOf } from './certificateSecret.ts';

const place = { namespace: 'pgtape-system', name: 'pgtape-webhook' };

describe('certificateSecret', () => {
  it('is read as it was written, with every authority', async () => {
    const plan = { authority: 'a', names: ['127.0.0.1'], nowMs: 1e12, isBundlePublished: true };
    const first = await renewed(null, plan);
    const second = await renewed(first, { ...plan, nowMs: plan.nowMs + 300 * 24 * 3600 * 1000 });
    expect(second.authorities).toHaveLength(2);
    expect(materialOf(certificateSecret(place, second, undefined))).toEqual(second);
  });

  it("keeps what others wrote into the Secret's metadata, and depends on what was read", async () => {
    const material = await renewed(null, {
      authority: 'a',
      names: ['x'],
      nowMs: 1e12,
      isBundlePublished: false,
    });
    const found = certificateSecret(place, material, undefined);
    const metadata = {
      ...found.metadata,
      resourceVersion: '7',
      annotations: { kept: 'yes' },
      labels: { also: 'yes' },
    };
    expect(certificateSecret(place, material, { ...found, metadata }).metadata).toEqual({
      ...place,
      resourceVersion: '7',
      annotations: { kept: 'yes' },
      labels: { also: 'yes', 'app.kubernetes.io/managed-by': 'pgtape-operator' },
    });
  });

  it.each([
    { name: 'nothing', secret: undefined },
    { name: 'an empty one', secret: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } } },
    {
      name: 'a key less',
      secret: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' }, data: { 'ca.crt': 'AAAA' } },
    },
  ])('$name is none', ({ secret }) => {
    expect(materialOf(secret)).toBeNull();
  });
});

describe('problemText', () => {
  it('leaves alone what is no refusal', () => {
    expect(problemText(new Error('broken'))).toBe('broken');
  });
});
