export { bytesOf, Condition } from './apiFields.ts';
export { API_GROUP, API_VERSION, customResourceDefinitions, definitionText } from './crd.ts';
export { CaptureMode, RecordedDatabaseSpec, RecordedDatabaseStatus } from './recordedDatabase.ts';
export { RecordingArchiveSpec, RecordingArchiveStatus } from './recordingArchive.ts';
