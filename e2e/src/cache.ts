/** Where builds and results that outlive a checkout lie. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A directory of the cache; PGTAPE_E2E_CACHE names another one, and it need not exist. */
export function cacheDir(name: 'drivers' | 'fidelity' | 'tools'): string {
  const { PGTAPE_E2E_CACHE, XDG_CACHE_HOME } = process.env;
  return join(PGTAPE_E2E_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pgtape'), name);
}
