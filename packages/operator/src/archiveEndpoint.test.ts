/** Where evidence of an archive goes, and what recorders are told of it. */
import type { KubeObject } from '@pgtape/kube';
import { archiveAuthority, archiveEndpoint } from './archiveEndpoint.ts';
import { bundleOf, renewed } from './certificateMaterial.ts';
import { certificateSecret } from './certificateSecret.ts';
import { recorderConfig } from './desiredObjects.ts';
import { OperatorConfig } from './operatorConfig.ts';
import { databaseOf } from './recordedCluster.testing.ts';
import { recordingSettings } from './recordingSettings.ts';

const release = { archive: 'default', url: 'https://pgtape-vault.pgtape-system.svc:4317' };
const archive = (name: string, status?: object): KubeObject => ({
  apiVersion: 'pgtape.dev/v1alpha1',
  kind: 'RecordingArchive',
  metadata: { name },
  ...(status === undefined ? {} : { status }),
});

describe('archiveEndpoint', () => {
  it.each([
    {
      name: 'what its vault says',
      of: 'other',
      status: { endpoint: 'https://a.b:4317' },
      wanted: 'https://a.b:4317',
    },
    {
      name: 'what its vault says, before what the operator was told',
      of: 'default',
      status: { endpoint: 'https://a.b:4317', logSize: 7, later: 'x' },
      wanted: 'https://a.b:4317',
    },
    { name: "the release's own", of: 'default', status: undefined, wanted: release.url },
    { name: 'of a status that is none', of: 'default', status: { endpoint: 'a.b' }, wanted: release.url },
    { name: 'nobody', of: 'other', status: undefined, wanted: null },
    { name: 'nobody yet', of: 'other', status: { logSize: 0 }, wanted: null },
  ])('$name', ({ of, status, wanted }) => {
    expect(archiveEndpoint(of, archive(of, status), release)).toBe(wanted);
  });

  it('does not need the archive to be there', () => {
    expect(archiveEndpoint('default', undefined, release)).toBe(release.url);
  });
});

const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

describe('archiveAuthority', () => {
  const told = { ...release, caSecret: 'pgtape-vault-tls' };
  it.each([
    { name: "of another release's vault", of: 'other', caBundle: pem('AA=='), by: told, wanted: pem('AA==') },
    {
      name: 'and nothing else that is in it',
      of: 'other',
      caBundle: `x${pem('AA==')}y`,
      by: told,
      wanted: pem('AA=='),
    },
    { name: 'of a vault that says none', of: 'other', caBundle: 'x', by: told, wanted: null },
    {
      name: "of the release's own vault, whatever status says",
      of: 'default',
      caBundle: pem('AA=='),
      by: told,
      wanted: null,
    },
    {
      name: 'where the operator was told none',
      of: 'default',
      caBundle: pem('AA=='),
      by: release,
      wanted: pem('AA=='),
    },
  ])('$name', ({ of, caBundle, by, wanted }) => {
    expect(archiveAuthority(of, archive(of, { caBundle }), by)).toBe(wanted);
  });
});

describe('recordingSettings', () => {
  const config = OperatorConfig.parse({
    namespace: 'pgtape-system',
    image: 'image@sha256:0',
    vault: { url: release.url, caSecret: 'pgtape-vault-tls' },
  });
  const seen: { secret: KubeObject | undefined; archives: KubeObject[]; owned: KubeObject[] } = {
    secret: undefined,
    archives: [],
    owned: [],
  };
  const watch = {
    secret: (name: string) => (name === 'pgtape-vault-tls' ? seen.secret : undefined),
    archive: (name: string) => seen.archives.find(({ metadata }) => metadata.name === name),
    get owned() {
      return seen.owned;
    },
    database: (key: string) =>
      key === 'shop/orders' ? databaseOf({ spec: { archiveRef: 'default' } }) : databaseOf(),
  };

  it('keeps evidence of an archive that nobody serves in the pod', () => {
    const settings = recordingSettings(config, '', watch)();
    const url = (archiveRef: string): unknown =>
      (JSON.parse(recorderConfig(databaseOf({ spec: { archiveRef } }), settings) ?? '') as { vault: object })
        .vault;
    expect([url('default'), url('other')]).toMatchObject([
      { url: release.url },
      { url: 'https://not-served.invalid:4317' },
    ]);
  });

  it('gives the authority in the Secret, the last one while it is gone, and what recorders have before that', async () => {
    const settings = recordingSettings(config, '', watch);
    const ca = (): string => settings().vault.ca;
    expect(ca()).toBe('');
    const given = (by: string, ca: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'pgtape-orders', annotations: { 'pgtape.dev/recorded-by': by } },
      data: { 'ca.crt': ca },
    });
    seen.archives = [archive('audit', { caBundle: pem('AA==') })];
    seen.owned = [given('shop/other', 'of another vault'), given('shop/orders', 'given before')];
    expect(ca()).toBe('given before');
    const plan = { authority: 'a', names: ['x'], nowMs: Date.now(), isBundlePublished: false };
    const material = await renewed(null, plan);
    const place = { namespace: 'pgtape-system', name: 'pgtape-vault-tls' };
    seen.secret = certificateSecret(place, material, undefined);
    expect(ca()).toBe(bundleOf(material));
    seen.secret = undefined;
    expect(ca()).toBe(bundleOf(material));
    expect(['default', 'audit'].map(settings().vault.caOf)).toEqual([bundleOf(material), pem('AA==')]);
  });
});
