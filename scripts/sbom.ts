/**
 * Prints a CycloneDX bill of materials of the npm packages whose code is in the bundles of dist/bundle: a scanner of the image sees
 * Debian's packages and Node, and one file per bundle. Versions, hashes and licences are package-lock.json's; the same bundles
 * give the same bill.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

const root = join(import.meta.dirname, '..');
const json = <T>(file: string): T => JSON.parse(readFileSync(join(root, file), 'utf8')) as T;
const { packages } = json<{ packages: Readonly<Record<string, Locked>> }>('package-lock.json');
const { version } = json<{ version: string }>('packages/cli/package.json');
const bundles =
  json<Record<string, { atStart: readonly string[]; whenAsked: readonly string[] }>>(
    'dist/bundle/modules.json',
  );

/** `packages/otlp/node_modules/@a/b/dist/c.js` lies in `packages/otlp/node_modules/@a/b`; undefined: our own. */
const placeOf = (file: string): string | undefined =>
  file.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/)?.[0];

const purlOf = (name: string, of: string): string =>
  `pkg:npm/${name.startsWith('@') ? `%40${name.slice(1)}` : name}@${of}`;

function componentOf(place: string): Component {
  const locked = packages[place];
  if (locked === undefined)
    throw new Error(`sbom: ${place} is not in package-lock.json: run scripts/install`);
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = purlOf(name, locked.version);
  const [algorithm, digest] = locked.integrity?.split('-') ?? [];
  return {
    ...{ type: 'library', 'bom-ref': purl, name, version: locked.version },
    ...(algorithm === 'sha512' && digest !== undefined
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }
      : {}),
    ...(locked.license === undefined ? {} : { licenses: [{ expression: locked.license }] }),
    purl,
  };
}

const files = Object.values(bundles).flatMap(({ atStart, whenAsked }) => [...atStart, ...whenAsked]);
const places = new Set(files.map(placeOf).filter((place) => place !== undefined));
const components = new Map([...places].map(componentOf).map((component) => [component.purl, component]));
const own = purlOf('pgtape', version);
process.stdout.write(
  `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        component: { type: 'application', 'bom-ref': own, name: 'pgtape', version, purl: own },
      },
      components: [...components.keys()].sort().map((purl) => components.get(purl)),
    },
    undefined,
    1,
  )}\n`,
);
