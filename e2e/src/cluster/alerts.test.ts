/** The chart's alerts as Prometheus evaluates them, and what it is led to by the chart's ServiceMonitors. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type AlertCase, healthy } from './alertSeries.ts';
import { chartDir, rendered } from './helm.ts';
import { operatorAlertCases } from './operatorAlertCases.ts';
import { promtool } from './promtool.ts';
import { vaultAlertCases } from './vaultAlertCases.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

interface Rule {
  readonly alert: string;
  readonly annotations: { readonly runbook_url: string };
}

const objects = (values: string): Rendered[] =>
  parseAllDocuments(rendered(['-f', join(chartDir, 'ci', values)]))
    .map((document) => document.toJSON() as Rendered | null)
    .filter((object) => object !== null);

const production = objects('production-values.yaml');
const { spec } = production.find(({ kind }) => kind === 'PrometheusRule') as Rendered;
const { groups } = spec as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const names = alerts.map(({ alert }) => alert);

const alertCases = [...operatorAlertCases, ...vaultAlertCases];

const runbook = (name: string): string =>
  alerts.find(({ alert }) => alert === name)?.annotations.runbook_url ?? '';

interface Expected {
  readonly eval_time: string;
  readonly alertname: string;
  readonly exp_alerts: readonly object[];
}

/** What promtool says of these series. */
function evaluated(series: Readonly<Record<string, string>>, expected: readonly Expected[]) {
  const test = {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: expected,
  };
  const file = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [test] };
  const { status, out, err } = promtool(['test', 'rules', 'tests.yaml'], {
    'rules.yaml': spec,
    'tests.yaml': file,
  });
  return {
    status,
    said: `${out}${err}`
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  };
}

const fine = { status: 0, said: ['tests.yaml', 'SUCCESS'].map((word) => expect.stringContaining(word)) };

function expectedOf({ alert, quietAt, firesAt, labels, summary, description }: AlertCase): Expected[] {
  const at = (minute: number, fired: readonly object[]): Expected => ({
    eval_time: `${minute}m`,
    alertname: alert,
    exp_alerts: fired,
  });
  if (firesAt === null) return [at(quietAt, [])];
  const annotations = { summary, description, runbook_url: runbook(alert) };
  return [at(quietAt, []), at(firesAt, [{ exp_labels: labels, exp_annotations: annotations }])];
}

describe('alerts', () => {
  it('are rules that promtool has nothing to say about', () => {
    const ran = promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'], {
      'rules.yaml': spec,
    });
    expect(ran).toEqual({ status: 0, out: expect.stringContaining(`${alerts.length} rules found`), err: '' });
  });

  it('have a case each in which they fire', () => {
    const firing = alertCases.filter(({ firesAt }) => firesAt !== null).map(({ alert }) => alert);
    expect([...new Set(firing)].sort()).toEqual([...names].sort());
  });

  it('are quiet where all is well', () => {
    const quiet = names.flatMap((alertname) =>
      ['30m', '60m', '90m', '120m'].map((eval_time) => ({ eval_time, alertname, exp_alerts: [] })),
    );
    expect(evaluated(healthy, quiet)).toEqual(fine);
  });

  it.each(alertCases.map((one) => [one.alert, one.name, one] as const))('%s: %s', (_alert, _name, one) => {
    expect(evaluated({ ...healthy, ...one.series }, expectedOf(one))).toEqual(fine);
  });

  it('would fail a case that is not so', () => {
    const [one] = alertCases as [AlertCase];
    const said = evaluated(healthy, expectedOf(one));
    expect({ ...said, said: said.said.join(' ') }).toEqual({
      status: 1,
      said: expect.stringContaining('No replica of the webhook answers'),
    });
  });
});

interface Monitor {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly endpoints: readonly { readonly port: string }[];
}

describe('a ServiceMonitor', () => {
  it.each(['production-values.yaml', 'cert-manager-values.yaml'])(
    'of %s finds one Service by its labels, with that port: its name is the job that alerts ask for',
    (file) => {
      const all = objects(file);
      const services = all.filter(({ kind }) => kind === 'Service');
      const jobs = all
        .filter(({ kind }) => kind === 'ServiceMonitor')
        .map((monitor) => {
          const { selector, endpoints } = monitor.spec as Monitor;
          const found = services.filter(({ metadata }) =>
            Object.entries(selector.matchLabels).every(([name, value]) => metadata.labels?.[name] === value),
          );
          const ports = found.map((service) =>
            (service.spec as { ports: { name: string }[] }).ports.map(({ name }) => name),
          );
          expect(ports).toEqual([expect.arrayContaining(endpoints.map(({ port }) => port))]);
          return found[0]?.metadata.name;
        });
      const prefix = file === 'cert-manager-values.yaml' ? 'tape' : 'pgtape';
      expect(jobs.sort()).toEqual(['controller', 'vault', 'webhook'].map((part) => `${prefix}-${part}`));
    },
  );
});
