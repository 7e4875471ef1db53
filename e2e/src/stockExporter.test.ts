import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { decodeObject } from '@pgtape/evidence';
import { encodeExportReply, exportTracePath, GrpcServer } from '@pgtape/otlp';
import { metricsAt, until, verify, withClient } from './probes.ts';
import { startStack } from './stack.ts';

const spans = 200;

interface Backend {
  readonly url: string;
  /** Export requests as they came. */
  readonly requests: Buffer[];
  close(): Promise<void>;
}

async function startBackend(): Promise<Backend> {
  const requests: Buffer[] = [];
  const server = new GrpcServer({
    handlers: new Map([
      [
        exportTracePath,
        async (message: Uint8Array) => {
          requests.push(Buffer.from(message));
          return encodeExportReply(null);
        },
      ],
    ]),
    maxMessageBytes: 64 * 1024 * 1024,
  });
  const at = await server.listen('127.0.0.1', 0);
  return { url: `http://127.0.0.1:${at.port}`, requests, close: () => server.close() };
}

/** Sends `count` spans, with these attributes, through the exporter everybody uses; gives the export errors. */
async function send(
  port: number,
  name: string,
  count: number,
  attributes: Record<string, string>,
): Promise<string[]> {
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}`, timeoutMillis: 5000 });
  const errors: string[] = [];
  const watched = {
    export: (batch: Parameters<typeof exporter.export>[0], done: Parameters<typeof exporter.export>[1]) =>
      exporter.export(batch, (result) => {
        if (result.error !== undefined) errors.push(result.error.message);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: watched })] });
  const tracer = provider.getTracer('app');
  for (let index = 0; index < count; index += 1)
    tracer.startSpan(`${name}-${index}`, { attributes: { ...attributes, index } }).end();
  // Both reject with what `errors` holds already.
  await provider.forceFlush().catch(() => {});
  await provider.shutdown().catch(() => {});
  return errors;
}

/** Every byte below a directory, segments decompressed. */
function bytesBelow(dir: string): Buffer {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((file) => join(dir, file));
  return Buffer.concat(
    files
      .filter((file) => statSync(file).isFile())
      .map((file) => (file.endsWith('.zst') ? decodeObject(readFileSync(file)) : readFileSync(file))),
  );
}

const occurrences = (requests: readonly Buffer[], name: string): number =>
  new Set(
    requests.flatMap((bytes) =>
      [...bytes.toString('latin1').matchAll(new RegExp(`${name}-\\d+`, 'g'))].map(([text]) => text),
    ),
  ).size;

describe('spans of the stock exporter are views, never evidence', () => {
  it('are accepted, counted and forwarded whole, and no byte of them is archived', async () => {
    const backend = await startBackend();
    const stack = await startStack({ forward: backend.url });
    try {
      const recorded = withClient({ connectionString: stack.url }, async (client) => {
        for (let index = 0; index < 200; index += 1)
          await client.query('SELECT $1::int AS evidence', [index]);
      });
      const errors = await send(stack.ports.otlp, 'stock-span', spans, {
        'db.query.text': 'SELECT stranger',
      });
      await recorded;
      expect(errors).toEqual([]);
      await until(
        'the backend has them',
        60_000,
        () => occurrences(backend.requests, 'stock-span') === spans,
      );
      const metrics = await metricsAt(stack.ports.http);
      expect(metrics.pgtape_vault_view_spans_total).toBe(spans);
      await stack.recorder.stop(20_000);
      await until('views of the session arrive', 60_000, () =>
        backend.requests.some((request) => request.includes('SELECT $1::int AS evidence')),
      );
      await stack.settle();
      expect(backend.requests.some((request) => request.includes('SELECT stranger'))).toBe(true);
      expect(backend.requests.some((request) => request.includes('pgtape.record'))).toBe(false);
      const archive = bytesBelow(stack.archiveDir);
      expect([
        archive.includes('AS evidence'),
        archive.includes('stock-span'),
        archive.includes('stranger'),
      ]).toEqual([true, false, false]);
      const report = verify(stack.archiveDir);
      expect([report.code, report.verdict, report.reels.length]).toEqual([0, 'complete', 1]);
    } finally {
      await stack.stop();
      await backend.close();
    }
  });

  it('that pretend to be evidence are refused, counted, neither archived nor forwarded', async () => {
    const backend = await startBackend();
    const stack = await startStack({ forward: backend.url });
    try {
      const line = '{"v":1,"kind":"statement","sql":"SELECT forged-by-a-stranger"}';
      const errors = await send(stack.ports.otlp, 'liar', 3, { 'pgtape.record': line });
      await withClient({ connectionString: stack.url }, (client) => client.query('SELECT 1'));
      const metrics = await metricsAt(stack.ports.http);
      await stack.settle();
      expect(errors).toEqual([expect.stringMatching(/INVALID_ARGUMENT: header_missing/)]);
      expect([
        metrics.pgtape_vault_view_spans_total ?? 0,
        metrics['pgtape_vault_requests_refused_total{reason="header_missing"}'],
      ]).toEqual([0, 1]);
      expect(occurrences(backend.requests, 'liar')).toBe(0);
      expect(bytesBelow(stack.archiveDir).includes('stranger')).toBe(false);
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      await stack.stop();
      await backend.close();
    }
  });

  it('keep coming while the backend is away: the vault takes them and drops views, not evidence', async () => {
    const backend = await startBackend();
    await backend.close();
    const stack = await startStack({ forward: backend.url });
    try {
      expect(await send(stack.ports.otlp, 'stock-span', 50, {})).toEqual([]);
      await withClient({ connectionString: stack.url }, (client) => client.query("SELECT 'kept'"));
      await stack.settle();
      const statements = stack.records().filter(({ kind }) => kind === 'statement');
      expect(statements.map(({ sql }) => sql)).toEqual(["SELECT 'kept'"]);
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      await stack.stop();
    }
  });
});
