/** What the chart renders, byte by byte: golden files for six files of values, and `deploy/`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { chartDir, helm, rendered } from './helm.ts';

const root = join(import.meta.dirname, '../../..');
const golden = join(root, 'testdata/chart');
const values = readdirSync(join(chartDir, 'ci')).sort();

function expectFile(file: string, text: string): void {
  if (process.env.PGTAPE_GOLDEN === 'write') writeFileSync(file, text);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : 'no such file').toBe(text);
}

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

const objects = (text: string): KubernetesObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJSON() as KubernetesObject | null)
    .filter((object) => object !== null);

describe('charts/pgtape', () => {
  it.each(values)('passes helm lint with %s', (file) => {
    const { status, out, err } = helm(['lint', '--strict', chartDir, '-f', join(chartDir, 'ci', file)]);
    expect({ status, said: out + err }).toEqual({
      status: 0,
      said: expect.stringContaining('0 chart(s) failed'),
    });
  });

  it('has six files of values and a golden render for each', () => {
    mkdirSync(golden, { recursive: true });
    expect(values).toHaveLength(6);
    for (const file of values) {
      const args = ['-f', join(chartDir, 'ci', file), '--set', 'crds.enabled=false'];
      expectFile(join(golden, file), rendered(args));
    }
    expect(readdirSync(golden).sort()).toEqual(values);
  });

  it.each(values)(
    'renders no object twice with %s, and all but cluster-wide ones where they belong',
    (file) => {
      const made = objects(rendered(['-f', join(chartDir, 'ci', file)]));
      const keys = made.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`);
      expect(keys).toEqual([...new Set(keys)]);
      const places = new Set(made.map(({ metadata }) => metadata.namespace ?? ''));
      for (const place of ['', 'pgtape-system', 'shop', 'billing']) places.delete(place);
      expect([...places]).toEqual([]);
    },
  );

  it('in restricted mode renders nothing cluster-wide, and for the administrator nothing else', () => {
    const scopes = (args: readonly string[]): (string | undefined)[] => [
      ...new Set(objects(rendered(args)).map(({ metadata }) => metadata.namespace)),
    ];
    const own = ['--set', 'rbac.namespaced=true,rbac.namespaces={shop}'];
    expect(scopes(own).sort()).toEqual(['pgtape-system', 'shop']);
    expect(scopes([...own, '--set', 'clusterScopedOnly=true'])).toEqual([undefined]);
  });

  it.each([
    ['a key that is not there', 'webhook.replica=3', "additional properties 'replica' not allowed"],
    ['a tag for a digest', 'image.digest=latest', "at '/image/digest'"],
    ['no replica', 'webhook.replicas=0', "at '/webhook/replicas'"],
    ['an account without its namespace', 'operator.publishedTo={audit}', "at '/operator/publishedTo/0'"],
    ['a ConfigMap without its namespace', 'vault.published=pgtape-published', "at '/vault/published'"],
    ['a port for a URL', 'vault.tracing.url=jaeger:4317', "at '/vault/tracing/url'"],
    ['no name for the archive', 'vault.archive=', "at '/vault/archive'"],
    ['restricted mode without a namespace', 'rbac.namespaced=true', "at '/rbac/namespaces'"],
    ['the cluster-wide part of an ordinary release', 'clusterScopedOnly=true', "at '/rbac/namespaced'"],
  ])('refuses %s', (_, set, says) => {
    const ran = helm(['template', 'pgtape', chartDir, '--kube-version', '1.33.0', '--set', set]);
    expect(ran).toMatchObject({ status: 1, err: expect.stringContaining(says) });
  });

  it('without operator renders a vault, its account and its reader, and no right on Secrets', () => {
    const made = objects(
      rendered(['-f', join(chartDir, 'ci/vault-values.yaml'), '--set', 'crds.enabled=false']),
    );
    const names = made.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names.filter((name) => /webhook|controller|operator|test/.test(name))).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining(['StatefulSet/pgtape-vault', 'ClusterRole/pgtape-vault', 'Role/pgtape-reader']),
    );
    const roles = JSON.stringify(made.filter(({ kind }) => kind.endsWith('Role')));
    expect(roles).not.toContain('"secrets"');
  });

  it('refuses a cluster that is too old', () => {
    const ran = helm(['template', 'pgtape', chartDir, '--kube-version', '1.28.9']);
    expect(ran).toMatchObject({ status: 1, err: expect.stringContaining('requires kubeVersion: >=1.29.0') });
  });
});

describe('deploy/', () => {
  const opening = (how: string): string => `# Made by \`make golden-chart\`: ${how}\n`;

  it('pgtape.yaml is helm template with its own namespace', () => {
    const args = ['--skip-tests', '--set', 'namespace.create=true'];
    expectFile(join(root, 'deploy/pgtape.yaml'), opening('everything, for kubectl apply.') + rendered(args));
  });

  it('cluster-scoped.yaml is what an administrator applies once in restricted mode', () => {
    const args = ['--set', 'rbac.namespaced=true,clusterScopedOnly=true'];
    const how = 'what is cluster-wide, for an administrator; the chart then installs with rbac.namespaced.';
    expectFile(join(root, 'deploy/cluster-scoped.yaml'), opening(how) + rendered(args));
  });
});

describe('what Prometheus and Grafana are told', () => {
  const production = objects(rendered(['-f', join(chartDir, 'ci/production-values.yaml')]));
  const { spec } = production.find(({ kind }) => kind === 'PrometheusRule') as KubernetesObject;
  const { groups } = spec as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules);
  const dashboard = production.find(({ metadata }) => metadata.name === 'pgtape-dashboard');
  const { panels } = JSON.parse(dashboard?.data?.['pgtape.json'] ?? '{}') as {
    panels: { targets: { expr: string }[] }[];
  };

  it.each(alerts.map(({ alert, annotations }) => [alert, annotations.runbook_url]))(
    '%s links to a section that is there',
    (alert, url) => {
      const headings = readFileSync(join(root, 'docs/alerts.md'), 'utf8').match(/^### .*$/gm) ?? [];
      expect(headings).toContain(`### ${alert}`);
      expect(url).toMatch(new RegExp(`/docs/alerts\\.md#${alert.toLowerCase()}$`));
    },
  );

  it('asks for metrics that there are', () => {
    const sources = readdirSync(join(root, 'packages'))
      .flatMap((owner) => {
        const folder = join(root, 'packages', owner, 'src');
        return readdirSync(folder)
          .filter((file) => /etrics\.ts$/.test(file))
          .map((file) => readFileSync(join(folder, file), 'utf8'));
      })
      .join('\n');
    const asked = new Set(
      [...alerts.map(({ expr }) => expr), ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))]
        .flatMap((expr) => expr.match(/\bpgtape_\w+/g) ?? [])
        .map((name) => name.replace(/_bucket$/, '')),
    );
    expect(asked.size).toBeGreaterThan(15);
    const isThere = (name: string): boolean =>
      // As they stand in the source: without prefix, unit's suffix or state.
      [
        name,
        name.replace(/^pgtape_(vault_)?/, ''),
        name.replace(/^pgtape_vault_/, '').replace(/_total$/, ''),
      ].some((text) => sources.includes(`'${text}'`)) ||
      /^pgtape_vault_reels_(open|silent|crashed)$/.test(name);
    expect([...asked].filter((name) => !isThere(name))).toEqual([]);
  });
});
