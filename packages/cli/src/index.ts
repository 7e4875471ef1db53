export { type RunningChild, startChild } from './childProcess.ts';
export type { Io, Output } from './io.ts';
export { runProgram } from './program.ts';
export { openReading, type ReadingPurpose } from './reading.ts';
export type { SessionSummary } from './sessionList.ts';
