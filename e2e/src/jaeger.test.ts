import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@pgtape/testkit';
import pg from 'pg';
import { jaegerConfig } from './jaegerConfig.ts';
import { type Stack, startStack } from './stack.ts';

interface JaegerTag {
  readonly key: string;
  readonly value: unknown;
}
interface JaegerSpan {
  readonly operationName: string;
  readonly startTime: number;
  readonly duration: number;
  readonly spanID: string;
  readonly references: readonly {
    readonly refType: string;
    readonly spanID: string;
    readonly traceID: string;
  }[];
  readonly tags: readonly JaegerTag[];
}

const jaegerBinary = process.env.PGTAPE_E2E_JAEGER ?? '';

async function startJaeger(): Promise<{ process: ChildProcess; otlp: number; query: number }> {
  const ports = {
    otlp: await freePort(),
    otlpHttp: await freePort(),
    query: await freePort(),
    queryGrpc: await freePort(),
    health: await freePort(),
  };
  const { otlp, query } = ports;
  const config = jaegerConfig('127.0.0.1', ports);
  const child = spawn(jaegerBinary, ['--config', `yaml:${JSON.stringify(config)}`], { stdio: 'ignore' });
  for (let waited = 0; waited < 60_000; waited += 100) {
    const up = await fetch(`http://127.0.0.1:${query}/api/services`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return { process: child, otlp, query };
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error('Jaeger did not start');
}

async function spansOf(query: number, session: string, atLeast: number): Promise<JaegerSpan[]> {
  const tags = encodeURIComponent(JSON.stringify({ 'session.id': session }));
  for (let waited = 0; waited < 60_000; waited += 250) {
    const url = `http://127.0.0.1:${query}/api/traces?service=pgtape-recorder&tags=${tags}&limit=100&lookback=1h`;
    const response = await fetch(url);
    const body = (await response.json()) as { data?: { spans: JaegerSpan[] }[] };
    const spans = (body.data ?? []).flatMap((trace) => trace.spans);
    if (spans.length >= atLeast) return spans;
    await sleep(250);
  }
  throw new Error(`Jaeger never showed ${atLeast} spans of session ${session}`);
}

const tagOf = (span: JaegerSpan, key: string): unknown => span.tags.find((tag) => tag.key === key)?.value;

describe('spans in a real Jaeger', () => {
  it('shows each statement of a session as it was recorded', async () => {
    const jaeger = await startJaeger();
    let stack: Stack | null = null;
    try {
      stack = await startStack({ forward: `http://127.0.0.1:${jaeger.otlp}` });
      const client = new pg.Client({ connectionString: stack.url, application_name: 'jaeger-test' });
      await client.connect();
      await client.query('CREATE TABLE t (a int, b text)');
      await client.query('INSERT INTO t SELECT g, $1 FROM generate_series(1, $2::int) g', ['x', 7]);
      await client.query(
        "SELECT * FROM t /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
      );
      await client.query('SELECT 1/0').catch(() => {});
      await client.query('SELECT pg_sleep(0.2)');
      await client.end();
      await stack.settle();
      const statements = stack.records().filter((record) => record.kind === 'statement');
      const session = String(statements[0]?.session);
      // Five statements, the opening, the closing and the root of the only stretch.
      const spans = await spansOf(jaeger.query, session, 8);
      const root = spans.find((span) => span.operationName === 'pg.session');
      expect(root).toBeDefined();
      const seen = spans
        .filter((span) => tagOf(span, 'db.query.text') !== undefined)
        .sort((a, b) => Number(tagOf(a, 'pgtape.seq')) - Number(tagOf(b, 'pgtape.seq')))
        .map((span) => ({
          sql: tagOf(span, 'db.query.text'),
          system: tagOf(span, 'db.system.name'),
          database: tagOf(span, 'db.namespace'),
          sqlstate: tagOf(span, 'db.response.status_code') ?? null,
          isError: tagOf(span, 'error') === true,
          rows: Number(tagOf(span, 'db.response.returned_rows') ?? 0),
          params: Number(tagOf(span, 'pgtape.params.count') ?? 0),
          seq: Number(tagOf(span, 'pgtape.seq')),
          durationUs: span.duration,
          parent: span.references.find((reference) => reference.refType === 'CHILD_OF')?.spanID,
        }));
      expect(seen).toEqual(
        statements.map((record) => ({
          sql: record.sql,
          system: 'postgresql',
          database: 'postgres',
          sqlstate: (record.error as { sqlstate: string } | undefined)?.sqlstate ?? null,
          isError: record.error !== undefined,
          rows: record.returned_rows,
          params: ((record.params as unknown[]) ?? []).length,
          seq: record.seq,
          durationUs: Math.floor(Number(record.duration_ns) / 1000),
          parent: root?.spanID,
        })),
      );
      const linked = spans.find((span) => String(tagOf(span, 'db.query.text')).includes('traceparent'));
      const links = linked?.references.filter(
        (reference) => reference.traceID === '0af7651916cd43dd8448eb211c80319c',
      );
      expect(links?.map((reference) => reference.refType)).toEqual(['FOLLOWS_FROM']);
    } finally {
      await stack?.stop();
      jaeger.process.kill('SIGKILL');
    }
  });
});
