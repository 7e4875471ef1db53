/** Owns the HTTP listener while no vault runs: alive, and not ready for a reason. It refuses everything else. */
import type { VaultConfig } from './config.ts';
import { type HttpServer, startHttp } from './http.ts';
import { serverTls } from './tlsFiles.ts';

/** `reason`: why there is no vault now, a stable word. @throws VaultError `TLS_FILES`; rejects as listen(2) */
export async function openWaitingRoom(
  config: Pick<VaultConfig, 'http'>,
  reason: () => string,
): Promise<HttpServer> {
  const { host, port } = config.http;
  return await startHttp(
    { host, port, tls: serverTls('http', config.http) },
    (app) => {
      app.get('/livez', async () => ({ ok: true, reasons: [] }));
      app.get('/readyz', (_request, reply) => reply.code(503).send({ ok: false, reasons: [reason()] }));
      app.get('/metrics', (_request, reply) =>
        reply.type('text/plain; version=0.0.4; charset=utf-8').send(''),
      );
    },
    { refused: () => undefined, failed: () => undefined },
  );
}
