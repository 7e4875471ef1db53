export { RECORDER_ENV_PREFIX, RecorderConfig } from './config.ts';
export {
  type DecodeMeasure,
  type DecodeOptions,
  type DecodeStage,
  decodeJournalDirectory,
} from './decodeJournal.ts';
export { type RecorderDeps, type RunningRecorder, startRecorder } from './recorder.ts';
export { RecorderError, type RecorderErrorCode } from './recorderError.ts';
export type { RecorderStats } from './recorderStats.ts';
