/** The README of a bundle: for people who have never heard of pgtape. Decides nothing. */
import type { Lack, Manifest } from './manifest.ts';

const lackTexts: Readonly<Record<Lack, string>> = {
  log:
    'The archive has no transparency log. The records prove that they were sealed together and not changed since; they do not prove ' +
    'when, nor that nothing was left out behind them.',
  log_entry:
    'Some segments were not in the transparency log yet when this was exported. They prove less than the others: see ' +
    '`manifest.json`, where `leaf` is null.',
  policy:
    'No witness policy was given. That the log was not shown differently to others rests on the log key alone.',
  reel_start:
    'The log does not say which key a recording began with. Compare the keys in `keys.txt` with those the owner of the database ' +
    'noted elsewhere.',
  seal_chain:
    'Seals between the first of the recording and those shown are left out. That the segments belong to one recording rests on the log.',
};

const gapText =
  '- That no gap of the whole recording fell into a session: a record of such a gap belongs to no session, and whoever exported could ' +
  'have left it out. Inside a session nothing can be left out unseen.\n';
const searchText =
  '- That these are all records that fit the search: whoever exported could have left some out.\n';

function about({ selection, sessions }: Manifest): string {
  if (selection.kind === 'sessions')
    return `the database session ${sessions.map(({ session }) => session).join(', ')}`;
  if (selection.kind === 'case')
    return `${sessions.length} database sessions held for the case "${selection.what}"`;
  return `the statements found by a search for "${selection.what}" in ${sessions.length} database sessions`;
}

/** Markdown. */
export function readme(manifest: Manifest): string {
  const { segments, exporter, lacks, at, by } = manifest;
  const lines = segments.reduce((sum, segment) => sum + segment.lines, 0);
  const redacted = segments.reduce((sum, segment) => sum + segment.redacted, 0);
  const when = new Date(Number(at.slice(0, -6))).toISOString();
  const limit = manifest.selection.kind === 'search' ? searchText : gapText;
  const missing = lacks.map((lack) => `- ${lackTexts[lack]}\n`).join('');
  return `# Evidence: recorded database activity

This folder holds ${lines} records of ${about(manifest)}. It was exported on ${when} by ${by}.

Each record is one line of text in the files below \`lines/\`. It says who did what in the database, when, and how it ended. The
lines are exactly the bytes that were recorded; they can be read with any text editor.

## How to check it

The check needs Python 3.11 or newer with the package \`cryptography\`. It needs no network and no software of those who made the
recording. In this folder:

    python3 check.py .

It prints one line for each session with its verdict, and one line for everything that is wrong. Whoever wants to be sure that
\`check.py\` itself is the real one takes it from another place than this folder, or writes his own: the format is public
(\`docs/formats/bundle.md\` of pgtape), and the check is a few hundred lines.

\`sha256sum -c SHA256SUMS\` shows that no file was damaged on the way. It does not show that the content is true; \`check.py\` does.

**One step is yours.** The keys in \`keys.txt\` and \`policy.txt\` came with this folder. Ask the owner of the log and the witnesses for
their keys, and compare; or give them to the check: \`python3 check.py . --policy THEIR_POLICY.txt\`.

## What the verdicts mean

| verdict | it means |
| --- | --- |
| complete | every record of the session is here, from its first to its last, and none was changed |
| open | as above, but no record says that the session ended: later records may exist |
| crashed | the recorder stopped unexpectedly; proven up to that point |
| gap | something was not recorded, and a record says what and why |
| attested | as complete, but some lines were blacked out by the exporter (see below) |
| excerpt | chosen records of the session; each is proven, completeness is not claimed |
| forged | something here was changed, left out or put in; the line below says where |

## What proves what

1. A recorder joins records into a *segment* and signs it (\`seals/\`). The signature covers a fingerprint of all its records, so none
   can be changed, removed or put in later without breaking it.
2. \`proofs/\` shows for each record that its fingerprint is part of what was signed, without showing the other records of the segment.
   They belong to other people's sessions.
3. The archive writes the fingerprint of each segment into a *transparency log*: a list that can only grow. \`log/\` shows that the
   segments are in it.
4. The state of that list is signed in \`checkpoint\`, and countersigned by independent witnesses where there are some. They
   countersign only what continues what they saw before, so the list was not rewritten behind anybody's back.
${
  redacted === 0
    ? ''
    : `
## Blacked-out lines

${redacted} lines were blacked out by the exporter (\`"kind":"redacted"\`). For these the fingerprint of the original line is proven: a
line with exactly that fingerprint stands at that place of the recording, and the original can be shown later and will be
recognised. What the blacked-out line says about itself (session, number, kind, time) is the exporter's word, signed with the key
\`${exporter ?? ''}\`. That is why the verdict is "attested".
`
}
## What this does not prove

${missing}- That the recorder saw everything: who reaches the database past the recorder is not in the recording.
- Anything about other sessions. The seals show how many records a segment has and how many sessions were open, no more.
${limit}
## The files

| file | what it is |
| --- | --- |
| \`lines/\` | the records, one file for each segment; the first line of each describes the segment |
| \`proofs/\` | for each line, its place in the segment and the proof of it |
| \`seals/\` | the signed seals of the recording |
| \`log/\` | for each segment its entry in the transparency log and the proof of it (C2SP tlog-proof) |
| \`checkpoint\` | the signed state of the log (C2SP signed note) |
| \`policy.txt\` | which log and which witnesses are to be believed (C2SP tlog-policy) |
| \`keys.txt\` | the public keys |
| \`report.json\` | what the exporter's own verification said; not proven by anything |
| \`manifest.json\` | what is in here, and what is missing (\`lacks\`) |
| \`check.py\` | the check |
| \`SHA256SUMS\` | a sum of each file${exporter === null ? '' : '; `SHA256SUMS.sig` is the exporter\u0027s signature over it'} |
`;
}
