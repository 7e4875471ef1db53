/**
 * Owns asking the server whether it still lets anybody in, without logging in. A smart shutdown waits for every session and tells none
 * of them: only who knocks hears of it, and a session of the recorder's own must not be what the server waits for.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { type OnLogin, pidOf } from './typeCatalog.ts';

/** It starts, or ends. */
const cannotConnectNow = '57P03';

class Asked extends Error {}

/** Of its connection, TLS included. Ended, the server meets the end of the stream; the library would say goodbye, an error there. */
function streamOf(client: pg.Client): Duplex {
  return (client as unknown as { readonly connection: { readonly stream: Duplex } }).connection.stream;
}

/**
 * @param config whose password is not shown
 * @param onLogin hears of a session all the same, where the server asks for nothing
 */
export async function isShuttingDown(
  config: pg.ClientConfig & { database: string },
  onLogin: OnLogin,
): Promise<boolean> {
  const client = new pg.Client({
    ...config,
    password: () => {
      throw new Asked();
    },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    onLogin(config.database, pidOf(client));
    void client.end().catch(() => {});
    return false;
  } catch (error) {
    streamOf(client).end();
    return (error as { code?: string }).code === cannotConnectNow;
  }
}
