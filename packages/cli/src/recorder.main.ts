/** `pgtape recorder` alone: what the image's bundle of that role starts from, so that it holds nothing of the other commands. */
import { runRole } from './commandLine.ts';
import { processIo } from './io.ts';
import { recorderCommand } from './recorderCommand.ts';

await runRole(process.argv.slice(2), processIo(process.env), recorderCommand);
