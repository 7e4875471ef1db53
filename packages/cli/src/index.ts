export { openArchive } from './archive.ts';
export { type RunningChild, startChild } from './childProcess.ts';
export type { Io, Output } from './io.ts';
export { runProgram } from './program.ts';
export type { SessionSummary } from './sessionList.ts';
