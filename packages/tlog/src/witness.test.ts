/** Every answer a witness may give, and what the client makes of it; the real exchange is the vault's test. */
import {
  addCheckpointBody,
  COSIGNATURE_V1,
  checkpointBody,
  consistencyProof,
  cosignedBy,
  type NoteSignature,
  signatureLine,
  type UnwitnessedCheckpoint,
  Witness,
  type WitnessAnswer,
  WitnessError,
  type WitnessTransport,
} from './index.ts';
import { bytesOf, sign, signedCheckpoint, TestLog, testKey } from './testLog.testing.ts';

const origin = 'log.example';
const log = testKey(origin, 1);
const witness = testKey('w.example', 2, COSIGNATURE_V1);
const stranger = testKey('w.example', 3, COSIGNATURE_V1);

function checkpointOf(size: number): UnwitnessedCheckpoint {
  const { hashes, tree } = TestLog.of(size);
  const body = checkpointBody({ origin, size, root: tree.root(), extensions: [] });
  return {
    size,
    body,
    bytes: signedCheckpoint(size, tree.root(), origin, [log]),
    consistencyFrom: async (older) => consistencyProof(hashes, older),
  };
}

const answer = (status: number, body = '', contentType = 'text/plain'): WitnessAnswer => ({
  status,
  contentType,
  body: bytesOf(body),
});
const told = (size: string): WitnessAnswer => answer(409, size, 'text/x.tlog.size');
const good = (checkpoint: UnwitnessedCheckpoint, ...more: NoteSignature[]): WitnessAnswer =>
  answer(200, [sign(witness, checkpoint.body), ...more].map(signatureLine).join(''));

/** Answers one after the other, and what was asked. */
function scripted(...answers: (WitnessAnswer | Error)[]): { post: WitnessTransport; asked: string[] } {
  const asked: string[] = [];
  const post: WitnessTransport = async (url, body) => {
    asked.push(`${url} ${Buffer.from(body).toString().split('\n')[0]}`);
    const next = answers.shift() ?? answer(500);
    if (next instanceof Error) throw next;
    return next;
  };
  return { post, asked };
}

const clientOf = (post: WitnessTransport): Witness =>
  new Witness({ url: 'http://w.example/prefix/', key: witness.verifier, post });

describe('Witness', () => {
  it('asks from what it cosigned last, with a proof, and gives the verified cosignature', async () => {
    const [first, second] = [checkpointOf(3), checkpointOf(7)];
    const { post, asked } = scripted(good(first), good(second));
    const client = clientOf(post);
    expect(await client.cosign(first)).toEqual([sign(witness, first.body)]);
    expect(await client.cosign(second)).toEqual([sign(witness, second.body)]);
    expect(asked).toEqual([
      'http://w.example/prefix/add-checkpoint old 0',
      'http://w.example/prefix/add-checkpoint old 3',
    ]);
  });

  it('learns from a 409 where the witness stands, and asks once more', async () => {
    const checkpoint = checkpointOf(7);
    const { post, asked } = scripted(told('5\n'), good(checkpoint));
    expect(await clientOf(post).cosign(checkpoint)).toHaveLength(1);
    expect(asked.map((line) => line.split(' old ')[1])).toEqual(['0', '5']);
  });

  it('passes over lines by keys it does not know, also of another type', async () => {
    const checkpoint = checkpointOf(3);
    const post = { name: 'w.example', id: 1, signature: new Uint8Array(2428) };
    const { post: send } = scripted(good(checkpoint, sign(stranger, checkpoint.body), post));
    expect(await clientOf(send).cosign(checkpoint)).toEqual([sign(witness, checkpoint.body)]);
  });

  const checkpoint = checkpointOf(7);
  const bad = sign(witness, `${checkpoint.body}x`);
  it.each([
    { name: 'an unknown log', answers: [answer(404)], reason: 'unknown_log' },
    { name: 'another key', answers: [answer(403)], reason: 'signature_refused' },
    { name: 'a bad request', answers: [answer(400)], reason: 'bad_request' },
    { name: 'a larger tree', answers: [told('8\n')], reason: 'conflict' },
    { name: 'another root of this size', answers: [told('7\n'), answer(409)], reason: 'conflict' },
    { name: 'another size at the second try', answers: [told('5\n'), told('6\n')], reason: 'conflict' },
    { name: 'a size that is no number', answers: [told('5')], reason: 'conflict' },
    { name: 'a size of another type', answers: [answer(409, '5\n')], reason: 'conflict' },
    { name: 'a fork', answers: [answer(422)], reason: 'proof_refused' },
    { name: 'trouble of its own', answers: [answer(500)], reason: 'bad_status' },
    { name: 'too many requests', answers: [answer(429)], reason: 'bad_status' },
    { name: 'nothing in it', answers: [answer(200)], reason: 'bad_answer' },
    { name: 'text', answers: [answer(200, 'thanks\n')], reason: 'bad_answer' },
    { name: 'a bad cosignature', answers: [answer(200, signatureLine(bad))], reason: 'bad_answer' },
    { name: 'a good and a bad one', answers: [good(checkpoint, bad)], reason: 'bad_answer' },
    {
      name: 'only a stranger’s',
      answers: [answer(200, signatureLine(sign(stranger, checkpoint.body)))],
      reason: 'bad_answer',
    },
    { name: 'nothing at all', answers: [new WitnessError('timeout', '')], reason: 'timeout' },
  ])('says $reason of $name', async ({ answers, reason }) => {
    await expect(clientOf(scripted(...answers).post).cosign(checkpoint)).rejects.toMatchObject({ reason });
  });

  it('says `tiles` where the log gives no proof, and asks nobody', async () => {
    const { post, asked } = scripted();
    const broken = { ...checkpoint, consistencyFrom: () => Promise.reject(new Error('no tile')) };
    await expect(clientOf(post).cosign(broken)).rejects.toMatchObject({ reason: 'tiles' });
    expect(asked).toEqual([]);
  });

  it('sends old size, proof and checkpoint as the specification writes them', () => {
    const { hashes } = TestLog.of(7);
    const proof = consistencyProof(hashes, 3);
    const lines = proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('');
    expect(Buffer.from(addCheckpointBody(3, proof, checkpoint.bytes)).toString()).toBe(
      `old 3\n${lines}\n${Buffer.from(checkpoint.bytes).toString()}`,
    );
  });
});

describe('cosignedBy', () => {
  it('asks all, leaves out who fails, and never rejects', async () => {
    const checkpoint = checkpointOf(3);
    const failed: string[] = [];
    const clients = [
      clientOf(scripted(good(checkpoint)).post),
      clientOf(scripted(answer(404)).post),
      clientOf(scripted(new Error('boom')).post),
    ];
    const cosign = cosignedBy(clients, ({ name }, { reason }) => void failed.push(`${name} ${reason}`));
    expect(await cosign(checkpoint)).toEqual([sign(witness, checkpoint.body)]);
    expect(failed).toEqual(['w.example unknown_log', 'w.example unreachable']);
  });
});
