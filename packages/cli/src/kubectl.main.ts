#!/usr/bin/env node
/** `kubectl pgtape`: kubectl runs this for `kubectl-pgtape` in the PATH, with the arguments that follow. */
import { processIo } from './io.ts';
import { runPlugin } from './kubectl/pluginRun.ts';

await runPlugin(process.argv.slice(2), processIo(process.env));
