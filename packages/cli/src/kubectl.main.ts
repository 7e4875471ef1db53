#!/usr/bin/env node
/** `kubectl pgtape`: kubectl runs this for `kubectl-pgtape` in the PATH, with the arguments that follow. */
import { processIo } from './io.ts';
import { completePlugin, runPlugin } from './kubectl/pluginRun.ts';

const [first, ...rest] = process.argv.slice(2);
const io = processIo(process.env);
// Not a command of the tree: kubectl_complete-pgtape says it.
if (first === '__complete') await completePlugin(rest, io);
else await runPlugin(process.argv.slice(2), io);
