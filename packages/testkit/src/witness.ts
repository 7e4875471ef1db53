/**
 * A witness (C2SP tlog-witness) as a server on this machine: keeps the newest checkpoint of each log it knows, in a
 * file where it is given one, and cosigns nothing that does not extend it. For tests; it knows its logs from the start.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import {
  COSIGNATURE_V1,
  cosignatureBytes,
  cosignedMessage,
  formatVkey,
  openCheckpoint,
  parseCheckpoint,
  parseVkey,
  proofHashes,
  rawPublicKey,
  signatureLine,
  signEd25519,
  type VerifierKey,
  verifierKey,
  verifyConsistency,
} from '@pgtape/tlog';

export interface WitnessOptions {
  readonly name: string;
  /** Verifier keys of the logs it knows; several of one origin are one log. */
  readonly logs: readonly string[];
  /** Keeps key and state over a restart. */
  readonly stateFile?: string;
  /** Where it listens, on 127.0.0.1; absent: any free port. */
  readonly port?: number;
}

export interface TestWitness {
  /** Submission prefix. */
  readonly url: string;
  readonly port: number;
  readonly vkey: string;
  /** Status of every answer, in order. */
  readonly answers: readonly number[];
  /** Size of the tree it cosigned last, 0 before. */
  sizeOf(origin: string): number;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** JSON in the state file. */
interface State {
  readonly key: string;
  readonly logs: Record<string, { readonly size: number; readonly root: string }>;
}

const bodyBytesMax = 128 * 1024;
const plain = (status: number, body = ''): Answer => ({ status, type: 'text/plain', body });

class Witness {
  readonly vkey: string;
  readonly #options: WitnessOptions;
  readonly #logs: readonly VerifierKey[];
  readonly #secret: KeyObject;
  readonly #key: VerifierKey;
  #state: State;

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#logs = options.logs.map((text) => {
      const key = parseVkey(text);
      if (!key.ok) throw new Error(`vkey: ${key.detail}`);
      return key.value;
    });
    this.#state = this.#load();
    this.#secret = createPrivateKey(this.#state.key);
    this.#key = verifierKey(options.name, COSIGNATURE_V1, rawPublicKey(this.#secret));
    this.vkey = formatVkey(this.#key);
  }

  sizeOf(origin: string): number {
    return this.#state.logs[origin]?.size ?? 0;
  }

  /** The checks and their order are the specification's. */
  addCheckpoint(body: Buffer): Answer {
    const split = body.indexOf('\n\n');
    const [oldLine = '', ...proofLines] = body.subarray(0, Math.max(0, split)).toString('latin1').split('\n');
    const older = /^old (0|[1-9]\d{0,14})$/.exec(oldLine);
    const proof = proofHashes(proofLines);
    if (split < 0 || older === null || !proof.ok) return plain(400, 'malformed\n');
    const bytes = body.subarray(split + 2);
    const reading = parseCheckpoint(bytes);
    if (!reading.ok) return plain(400, `${reading.detail}\n`);
    const { origin } = reading.value.checkpoint;
    const keys = this.#logs.filter(({ name }) => name === origin);
    if (keys.length === 0) return plain(404, 'unknown log\n');
    const opening = openCheckpoint(bytes, keys);
    if (!opening.ok) return plain(403, `${opening.reason}\n`);
    return this.#extend(Number(older[1]), proof.value, opening.checkpoint, opening.note.text);
  }

  #extend(
    older: number,
    proof: readonly Uint8Array[],
    { origin, size, root }: { readonly origin: string; readonly size: number; readonly root: Uint8Array },
    text: string,
  ): Answer {
    if (older > size) return plain(400, 'old is larger\n');
    const known = this.#state.logs[origin] ?? { size: 0, root: '' };
    if (older !== known.size) return { status: 409, type: 'text/x.tlog.size', body: `${known.size}\n` };
    const knownRoot = Buffer.from(known.root, 'hex');
    if (older === size && older > 0 && !knownRoot.equals(root)) return plain(409, 'another root\n');
    const isConsistent =
      older === 0 ? proof.length === 0 : verifyConsistency(older, size, knownRoot, root, proof);
    if (!isConsistent) return plain(422, 'not consistent\n');
    // Kept before it is told, or a restart could cosign a fork.
    const logs = { ...this.#state.logs, [origin]: { size, root: Buffer.from(root).toString('hex') } };
    this.#save({ ...this.#state, logs });
    const time = Math.floor(Date.now() / 1000);
    const signature = cosignatureBytes(time, signEd25519(this.#secret, cosignedMessage(text, time)));
    return plain(200, signatureLine({ name: this.#key.name, id: this.#key.id, signature }));
  }

  #load(): State {
    const { stateFile } = this.#options;
    if (stateFile !== undefined && existsSync(stateFile))
      return JSON.parse(readFileSync(stateFile, 'utf8')) as State;
    const { privateKey } = generateKeyPairSync('ed25519');
    const state = { key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), logs: {} };
    this.#save(state);
    return state;
  }

  #save(state: State): void {
    this.#state = state;
    const { stateFile } = this.#options;
    if (stateFile === undefined) return;
    writeFileSync(`${stateFile}.new`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${stateFile}.new`, stateFile);
  }
}

/** Starts one; the caller stops it. */
export async function startWitness(options: WitnessOptions): Promise<TestWitness> {
  const witness = new Witness(options);
  const answers: number[] = [];
  const server: Server = createServer((request, response) => {
    void answerTo(witness, request).then(({ status, type, body }) => {
      answers.push(status);
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    vkey: witness.vkey,
    answers,
    sizeOf: (origin) => witness.sizeOf(origin),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
}

async function answerTo(witness: Witness, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'POST' || request.url !== '/add-checkpoint') return plain(404, 'no such path\n');
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyBytesMax) return plain(413);
    parts.push(part);
  }
  return witness.addCheckpoint(Buffer.concat(parts));
}
