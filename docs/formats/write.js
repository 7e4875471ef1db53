/**
 * Writes what is generated in this directory: record.md, record.schema.json, and the worked bytes of
 * segment.md. After a build: scripts/node docs/formats/write.js
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { recordJsonSchema, recordReference, segmentExample } from '../../packages/evidence/dist/index.js';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const mark = '<!-- worked bytes: written by write.js, checked by a test -->\n';

writeFileSync(file('record.md'), recordReference());
writeFileSync(file('record.schema.json'), `${JSON.stringify(recordJsonSchema(), null, 2)}\n`);
const [prose] = readFileSync(file('segment.md'), 'utf8').split(mark);
writeFileSync(file('segment.md'), `${prose}${mark}\n${segmentExample()}`);
// The house format of tables and JSON.
execFileSync(file('../../node_modules/.bin/biome'), ['format', '--write', file('.')], { stdio: 'ignore' });
