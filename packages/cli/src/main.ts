#!/usr/bin/env node
/** The pgtape command: parses the command line and hands each command its `Io`. */
import { processIo } from './io.ts';
import { runProgram } from './program.ts';

await runProgram(process.argv.slice(2), processIo(process.env));
// A child of `pgtape up` that has ended its work must not live on for the sake of the channel to its parent.
if (process.connected) process.disconnect?.();
