/**
 * Writes what is generated in this directory: record.md, record.schema.json, and the worked bytes of
 * segment.md and log.md. After a build: scripts/node docs/formats/write.js
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  logExample,
  recordJsonSchema,
  recordReference,
  segmentExample,
} from '../../packages/evidence/dist/index.js';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const mark = '<!-- worked bytes: written by write.js, checked by a test -->\n';

writeFileSync(file('record.md'), recordReference());
writeFileSync(file('record.schema.json'), `${JSON.stringify(recordJsonSchema(), null, 2)}\n`);
for (const [name, worked] of [
  ['segment.md', segmentExample],
  ['log.md', logExample],
]) {
  const [prose] = readFileSync(file(name), 'utf8').split(mark);
  writeFileSync(file(name), `${prose}${mark}\n${worked()}`);
}
// The house format of tables and JSON.
execFileSync(file('../../node_modules/.bin/biome'), ['format', '--write', file('.')], { stdio: 'ignore' });
