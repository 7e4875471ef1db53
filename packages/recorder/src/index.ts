export { RECORDER_ENV_PREFIX, RecorderConfig } from './config.ts';
export {
  type DecodeMeasure,
  type DecodeOptions,
  type DecodeStage,
  decodeJournalDirectory,
} from './decodeJournal.ts';
export { podConfigText } from './podConfig.ts';
export { startRecorderInPod } from './podRecorder.ts';
export type { RecorderDeps, RunningRecorder } from './recorderDeps.ts';
export { RecorderError, type RecorderErrorCode } from './recorderError.ts';
export type { RecorderStats } from './recorderStats.ts';
export { policyOf } from './reelPlan.ts';
export { startRecorder } from './startRecorder.ts';
