#!/usr/bin/env node
/** The pgtape command: parses the command line and hands each command its `Io`. */
import { processIo } from './io.ts';
import { runProgram } from './program.ts';

await runProgram(process.argv.slice(2), processIo(process.env));
