/**
 * Holds check.py against pgtape's own verification: on a sound archive and on many that were tampered with,
 * both must print the same verdicts and findings. After a build: scripts/node docs/formats/compare.js
 * [PYTHON] Exits 0 when they agree, 1 when not, 2 when PYTHON cannot run check.py (it needs the cryptography
 * package and the zstd command).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  checkReel,
  encodeObject,
  encodeText,
  exampleArchive,
  exampleRecords,
  exampleReel,
  exampleSigner,
  judgeTogether,
  parseSegmentKey,
  recoverySigner,
  sealDigest,
} from '../../packages/evidence/dist/index.js';

const python = process.argv[2] ?? 'python3';
const script = fileURLToPath(new URL('check.py', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'pgtape-check-'));

const archive = exampleArchive();
const [one, two, three] = archive;
const other = archive[3];
const first = [one, two, three];
const at = (key, { object }) => ({ key, object });
const second = (object) => [one, { key: two.key, object }, three];
const { reelOpened, reelClosed, opened, statement, closed, gap, vaultOpened, alert, enrolment, orphaned } =
  exampleRecords;
const { reel, recorder } = parseSegmentKey(one.key);
const session = `${reel.slice(0, 16)}-1`;
const made = (segments, more = {}) => exampleReel({ reel, recorder, segments, ...more });

const everyOther = {
  at: '1795212000000000000',
  mono: '1000',
  kind: 'published',
  database: 'shop/orders',
  config: '0'.repeat(64),
};

function* cases() {
  yield ['as it stands', archive];
  yield ['first segment deleted', [two, three]];
  yield ['middle segment deleted', [one, three]];
  yield ['last segment deleted', [one, two]];
  yield ['segments swapped', [one, at(two.key, three), at(three.key, two)]];
  yield ['segment of another reel', [at(one.key, other), two, three]];
  yield [
    'another recorder in the key',
    [one, two].map((s) => at(s.key.replace(recorder, 'f'.repeat(16)), s)),
  ];
  const keys = { of_reel: reel, of_recorder: recorder, key: '0'.repeat(64), recovery_key: '1'.repeat(64) };
  yield [
    "a vault's reel",
    made([
      [vaultOpened(recorder), enrolment(keys)],
      [alert('worm'), everyOther, reelClosed(0, 0)],
    ]),
  ];
  yield ["a vault's line in a recorder's reel", made([[reelOpened(recorder), alert('worm', reel)]])];
  yield ["a recorder's line in a vault's reel", made([[vaultOpened(recorder), opened(session)]])];
  yield ['a vault of another id', made([[vaultOpened('f'.repeat(16))]])];
  yield ['a vault opened late', made([[alert('worm')], [vaultOpened(recorder)]])];
  const forged = made([[reelOpened(recorder)], [gap('spool_full')], [reelClosed(0, 0)]], { keys: 'forger' });
  yield ['middle segment sealed anew', second(forged[1].object)];
  yield ['last segment sealed anew', [one, two, forged[2]]];
  const start = [reelOpened(recorder), opened(session)];
  yield [
    'crashed',
    made([start, [statement(session, 2, '\ud83d"\u0001\u007f'), gap('recorder_crashed')]], {
      recoveredFrom: 2,
    }),
  ];
  yield ['crashed before its first seal', made([start, [gap('recorder_crashed')]], { recoveredFrom: 1 })];
  yield [
    'a gap, and a session without end',
    made([[...start, gap('decode_lost', session, 2), reelClosed(1, 0)]]),
  ];
  yield [
    'a hole in a session',
    made([[...start, statement(session, 3, ''), gap('journal_full'), closed(session, 5, 1)]]),
  ];
  const mono = { at: '1795212000000000000', mono: '1000', session };
  const notified = {
    ...mono,
    kind: 'notification',
    n: 2,
    channel: 'shop',
    pid: 4711,
    payload: 'é',
    payload_len: 2,
  };
  const notice = { severity: 'NOTICE', sqlstate: '00000', message: 'hello' };
  const noticed = { ...mono, kind: 'notices', n: 3, notices: [notice], notices_more: 0 };
  yield [
    'what came while no statement ran',
    made([[...start, notified, noticed, closed(session, 4, 0), reelClosed(1, 0)]]),
  ];
  yield ['lines after the end', made([[reelOpened(recorder), reelClosed(0, 0), gap('spool_full')]])];
  yield* recoveries();
  yield* reelsAboutOthers();
  yield* orphans();
  const early = made([start, [gap('recorder_crashed')]], { recoveredFrom: 1 });
  for (const trusted of [recoverySigner(reel).publicKey, exampleSigner('foreign', 1).publicKey]) {
    yield [`recovered from its first segment, ${trusted} trusted`, early, trusted];
    yield [`as it stands, ${trusted} trusted`, archive, trusted];
  }
  yield ['the first key trusted', first, exampleSigner('example key', 1).publicKey];
  const pid = { ...opened(session), pid: -1 };
  const noTime = { ...reelClosed(1, 0), at: 'not a time' };
  const open = {
    ...statement(session, 3, ''),
    returned_rows: -1,
    params: [{ v: null, enc: 'none', format: 'text', type: '', oid: 0, len: -1 }],
  };
  const nothing = { ...gap('spool_full'), reason: 'no reason' };
  for (const [name, drafts] of Object.entries({
    pid: [pid],
    at: [noTime],
    open: [start[1], open],
    nothing: [nothing],
  }))
    yield [`a record that breaks the schema: ${name}`, made([[reelOpened(recorder), ...drafts]])];
  for (let i = 0; i < two.lines.length; i++) {
    yield [`line ${i + 1} removed`, second(encodeObject(two.lines.toSpliced(i, 1)))];
    yield [`line ${i + 1} doubled`, second(encodeObject(two.lines.toSpliced(i, 0, two.lines[i])))];
  }
  const text = Buffer.concat(two.lines.flatMap((line) => [line, Buffer.from('\n')]));
  for (let i = 0; i < text.length; i += 71)
    yield [`byte ${i} of the lines`, second(encodeText(flipped(text, i)))];
  for (let i = 0; i < two.object.length; i += 97)
    yield [`byte ${i} of the object`, second(flipped(two.object, i))];
  yield ['a bomb', second(encodeText(Buffer.alloc(100_000_000)))];
}

/** What someone without the journal may try, and what only looks like it. */
function* recoveries() {
  const foreign = exampleSigner('foreign', 1);
  const asForger = { signer: foreign, nextKey: foreign.publicKey, recovered: true };
  const start = [reelOpened(recorder)];
  const crashed = [gap('recorder_crashed')];
  const only = (number, twist) => ({ twist: (segment) => (segment === number ? twist : {}) });
  yield ['recovered by a foreign key', made([start, crashed], only(2, asForger))];
  yield [
    'recovered by a foreign key after its end',
    made([[...start, reelClosed(0, 0)], crashed], only(2, asForger)),
  ];
  yield [
    'recovered after its end with the right key',
    made([[...start, reelClosed(0, 0)], crashed], { recoveredFrom: 2 }),
  ];
  const named = { ...asForger, recoveryKey: foreign.publicKey };
  yield ['a foreign key that calls itself the recovery key', made([start, crashed], only(2, named))];
  yield [
    'recovered, and handed to a foreign key',
    made([start, crashed], only(2, { recovered: true, nextKey: foreign.publicKey })),
  ];
  yield [
    'recovered from the first segment by a foreign key',
    made([[...start, ...crashed]], only(1, asForger)),
  ];
  yield [
    'recovered, then ordinary',
    made([start, crashed, [reelClosed(0, 0)]], only(2, { recovered: true })),
  ];
  const changed = only(2, { recoveryKey: foreign.publicKey });
  yield ['another recovery key', made([start, [reelClosed(0, 0)]], changed)];
}

/** A vault's reel tells how the one before ended, and whose keys it vouched for. */
function* reelsAboutOthers() {
  const [earlier, later] = ['01'.repeat(16), '02'.repeat(16)];
  const vault = 'a'.repeat(16);
  const of = (id, segments) => exampleReel({ reel: id, recorder: vault, segments });
  const before = of(earlier, [[vaultOpened(vault)], [alert('worm')], [alert('forged')]]);
  const ended = of(earlier, [[vaultOpened(vault)], [reelClosed(0, 0)]]);
  const seal = (segments, number) => sealDigest(segments[number - 1].lines.at(-1));
  const after = (number, digest) =>
    of(later, [[vaultOpened(vault, { reel: earlier, segment: number, seal: digest }), reelClosed(0, 0)]]);
  yield ['a vault that crashed', [...before, ...after(3, seal(before, 3))]];
  yield ['a vault of which the end is gone', [...before.slice(0, 2), ...after(3, seal(before, 3))]];
  yield ['a vault that went on afterwards', [...before, ...after(2, seal(before, 2))]];
  yield ['a vault with another end', [...before, ...after(3, seal(before, 1))]];
  yield ['a vault that ended after all', [...ended, ...after(1, seal(ended, 1))]];
  yield ['a vault that is gone', after(3, seal(before, 3))];
  const keys = {
    of_reel: reel,
    of_recorder: recorder,
    key: exampleSigner('example key', 1).publicKey,
    recovery_key: recoverySigner(reel).publicKey,
  };
  const vouching = (about) => of(later, [[vaultOpened(vault), enrolment(about), reelClosed(0, 0)]]);
  yield ['a reel that was vouched for', [...first, ...vouching(keys)]];
  for (const name of ['key', 'recovery_key', 'of_recorder'])
    yield [
      `vouched for with another ${name}`,
      [...first, ...vouching({ ...keys, [name]: keys[name].replace(/./g, '0') })],
    ];
  yield ['vouched for, and its first segment is gone', [two, three, ...vouching(keys)]];
  yield ['vouched for, and it never came', vouching(keys)];
  for (const by of ['0'.repeat(16), 'f'.repeat(16)]) {
    const taken = exampleReel({ reel, recorder: by, segments: [[reelOpened(by), reelClosed(0, 0)]] });
    yield [`a damaged reel, and one of its id by ${by}`, [one, three, ...taken]];
    yield [`vouched for, and another of its id by ${by}`, [...first, ...taken, ...vouching(keys)]];
    const mine = exampleReel({ reel: earlier, recorder: by, segments: [[reelOpened(by), reelClosed(0, 0)]] });
    yield [
      `a vault that crashed, and another of its id by ${by}`,
      [...before, ...mine, ...after(3, seal(before, 3))],
    ];
    yield [`a vault that is gone, and another of its id by ${by}`, [...mine, ...after(3, seal(before, 3))]];
  }
}

/** The vault says of a reel that its pod is gone: as it is, when it comes back, and what somebody may try. */
function* orphans() {
  const [vault, stranger] = ['a'.repeat(16), 'b'.repeat(16)];
  const keys = {
    of_reel: reel,
    of_recorder: recorder,
    key: exampleSigner('example key', 1).publicKey,
    recovery_key: recoverySigner(reel).publicKey,
  };
  const enrolled = { ...enrolment(keys), method: 'kubernetes', pod_uid: 'u-0' };
  const word = (segment, { uid = 'u-0', of = segment, by = recorder } = {}) =>
    orphaned({ of_reel: reel, of_recorder: by, segment, seal: sealDigest(first[of - 1].lines.at(-1)) }, uid);
  const said = (records, by = vault) =>
    exampleReel({
      reel: (by === vault ? '0e' : '0f').repeat(16),
      recorder: by,
      segments: [[vaultOpened(by), ...records]],
    });
  const open = first.slice(0, 2);
  const crashed = made([[reelOpened(recorder)], [gap('recorder_crashed')]], { recoveredFrom: 2 });
  yield ['a pod that is gone', [...open, ...said([enrolled, word(2)])]];
  yield ['a pod that is gone, said twice', [...open, ...said([enrolled, word(2), word(2)])]];
  yield ['a pod that is gone, and came back', [...first, ...said([enrolled, word(2)])]];
  yield ['a pod that is gone, came back and is gone', [...open, ...said([enrolled, word(1), word(2)])]];
  yield ['a pod that came back and is there', [...open, ...said([enrolled, word(1)])]];
  yield ['a pod that is gone, though the reel has its end', [...first, ...said([enrolled, word(3)])]];
  yield ['a pod that is gone, and the end of its reel, too', [one, ...said([enrolled, word(2)])]];
  yield [
    'a pod that is gone, and another end of its reel',
    [...open, ...said([enrolled, word(2, { of: 1 })])],
  ];
  yield ['a pod that is gone, two ends', [...open, ...said([enrolled, word(2), word(2, { of: 1 })])]];
  yield ['another pod that is gone', [...open, ...said([enrolled, word(2, { uid: 'u-1' })])]];
  yield ['a pod of another recorder', [...open, ...said([enrolled, word(2, { by: stranger })])]];
  yield ['a pod that nobody knows', [...open, ...said([enrolment(keys), word(2)])]];
  yield ['a pod that another vault knows', [...open, ...said([enrolled]), ...said([word(2)], stranger)]];
  yield ['a pod that is gone, and nothing of it came', said([enrolled, word(2)])];
  yield [
    'a pod that is gone, by a vault that is forged',
    [...open, at(said([])[0].key, said([enrolled, word(2)])[0])],
  ];
  const [sealed] = said([enrolled, word(2)]);
  yield [
    'a pod that is gone, by a forged word',
    [
      ...open,
      at(sealed.key, {
        object: encodeObject([
          ...sealed.lines.slice(0, -2),
          flipped(sealed.lines.at(-2), 200),
          sealed.lines.at(-1),
        ]),
      }),
    ],
  ];
  yield ['a pod that is gone, by the recorder', [...made([[reelOpened(recorder), word(1)]])]];
  yield ['a recorder that crashed and was recovered', [...crashed, ...said([enrolled, word(1)])]];
}

function flipped(bytes, i) {
  const changed = Buffer.from(bytes);
  changed[i] ^= 1 << (i % 7);
  return changed;
}

function checkedByPython(segments, trusted) {
  rmSync(root, { recursive: true, force: true });
  for (const { key, object } of segments) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), object);
  }
  const trust = trusted === undefined ? [] : ['--trust', trusted];
  const { status, stdout, stderr, error } = spawnSync(python, [script, root, ...trust], { encoding: 'utf8' });
  if (error !== undefined || stderr !== '' || status === null || status > 1) {
    process.stderr.write(`${python} cannot run check.py: ${error?.message ?? stderr}\n`);
    process.exit(2);
  }
  return `${stdout}exit ${status}\n`;
}

async function checkedByPgtape(segments, trusted) {
  const reels = Map.groupBy(segments, ({ key }) => dirname(key));
  let text = '';
  let good = true;
  const verdicts = [];
  for (const name of [...reels.keys()].toSorted()) {
    const options = trusted === undefined ? {} : { trustedKeys: new Set([trusted]) };
    verdicts.push(await checkReel(reels.get(name), options));
  }
  for (const verdict of judgeTogether(verdicts)) {
    const counts = `${verdict.segments} segments ${verdict.records} records ${verdict.sessions.length} sessions`;
    text += `${verdict.verdict} reel ${verdict.reel} ${counts}\n`;
    for (const finding of verdict.findings)
      text += `  ${finding.verdict} ${finding.artefact} ${finding.reason}\n`;
    good &&= verdict.verdict === 'complete' || verdict.verdict === 'open';
  }
  return `${text}exit ${good ? 0 : 1}\n`;
}

let compared = 0;
let different = 0;
for (const [name, segments, trusted] of cases()) {
  const [theirs, ours] = [checkedByPython(segments, trusted), await checkedByPgtape(segments, trusted)];
  compared++;
  if (theirs === ours) continue;
  different++;
  if (different <= 3) process.stdout.write(`${name}\ncheck.py:\n${theirs}pgtape:\n${ours}\n`);
}
rmSync(root, { recursive: true, force: true });
process.stdout.write(`${compared} archives, ${different} judged differently\n`);
process.exitCode = different === 0 ? 0 : 1;
