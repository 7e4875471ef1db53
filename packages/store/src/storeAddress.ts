/** Owns how a store is named in configuration and on the command line; it refuses to open one. */
import { StoreError } from './storeError.ts';

export interface DirectoryAddress {
  readonly kind: 'directory';
  readonly path: string;
}

export interface S3Address {
  readonly kind: 's3';
  readonly bucket: string;
  /** '' or names joined by '/', without one at the end. */
  readonly prefix: string;
  /** Undefined: AWS's own, by region. */
  readonly endpoint: string | undefined;
  /** Undefined: what the environment or the profile says. */
  readonly region: string | undefined;
  /** The bucket stands in the path, not in the host's name; most servers that are not AWS want it. */
  readonly pathStyle: boolean;
  /** PEM file of authorities the endpoint's certificate is checked against. */
  readonly caFile: string | undefined;
}

export type StoreAddress = DirectoryAddress | S3Address;

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixName = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const parameters = new Set(['endpoint', 'region', 'pathStyle', 'caFile']);

function wrong(text: string, what: string): StoreError {
  return new StoreError('STORE_ADDRESS', `${JSON.stringify(text.slice(0, 200))}: ${what}`);
}

/**
 * A directory's path, or `s3://bucket/prefix?endpoint=...&region=...&pathStyle=1&caFile=...`.
 * @throws StoreError `STORE_ADDRESS`
 */
export function parseStoreAddress(text: string): StoreAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme === undefined) {
    if (text === '' || text.includes('\0')) throw wrong(text, 'is not a path');
    return { kind: 'directory', path: text };
  }
  if (scheme !== 's3')
    throw wrong(text.replace(/\/\/.*/, '//...'), `there is no kind of store called ${scheme}`);
  return parseS3(text);
}

function parseS3(text: string): S3Address {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong(text, 'is not a URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw wrong(
      `s3://${url.host}`,
      'credentials do not belong into it; they come from the environment or a profile',
    );
  }
  if (url.hash !== '' || url.port !== '')
    throw wrong(text, 'has a port or a fragment; the server is endpoint=');
  for (const name of url.searchParams.keys()) {
    if (!parameters.has(name))
      throw wrong(text, `there is no parameter ${name}, only ${[...parameters].join(', ')}`);
    if (url.searchParams.getAll(name).length > 1) throw wrong(text, `${name} stands in it twice`);
  }
  const bucket = url.hostname;
  if (!bucketName.test(bucket)) throw wrong(text, `${JSON.stringify(bucket)} is no bucket's name`);
  // As written: a URL's own path has its dots resolved.
  const prefix = (/^s3:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? '').replace(/^\/|\/$/g, '');
  if (prefix !== '' && !prefixName.test(prefix))
    throw wrong(text, 'its prefix has names that keys cannot have');
  const value = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const endpoint = value('endpoint');
  if (endpoint !== undefined && !isEndpoint(endpoint))
    throw wrong(text, 'endpoint is not http(s)://host:port');
  const pathStyle = value('pathStyle') ?? '0';
  if (pathStyle !== '0' && pathStyle !== '1') throw wrong(text, 'pathStyle is 0 or 1');
  return {
    kind: 's3',
    bucket,
    prefix,
    endpoint,
    region: value('region'),
    pathStyle: pathStyle === '1',
    caFile: value('caFile'),
  };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '';
}
