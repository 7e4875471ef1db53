export {
  type AdmissionAnswer,
  AdmissionRequest,
  requestOf,
  responseOf,
} from './admissionReview.ts';
export { bytesOf, Condition } from './apiFields.ts';
export {
  type CaptureFacts,
  type CapturePlan,
  capturePlan,
  type PodSecurity,
  type WhyNot,
} from './capturePlan.ts';
export { OperatorError } from './clusterAccess.ts';
export {
  CANARY_LABEL,
  clusterName,
  FIELD_MANAGER,
  managedBy,
  type ProtectedDatabase,
} from './clusterNames.ts';
export { admissionPolicies, policyBindings, resourceOf, webhookConfigurations } from './clusterResources.ts';
export { API_GROUP, API_VERSION, customResourceDefinitions, definitionText } from './crd.ts';
export { admissionGuard, type ExecExemptions, execGuard } from './guardPolicies.ts';
export { configHash, type Injection, inject, type SkipReason } from './injection.ts';
export { annotations, type InjectionPlan, RECORDER_CONTAINER } from './injectionPlan.ts';
export type { JsonPatchOperation } from './jsonPatch.ts';
export { OPERATOR_ENV_PREFIX, OperatorConfig } from './operatorConfig.ts';
export { type Operator, startOperator } from './operatorProcess.ts';
export { isOperatorOwned, type Platform, PodFacts, platformOf, type QosClass, qosOf } from './podFacts.ts';
export { CaptureMode, RecordedDatabaseSpec, RecordedDatabaseStatus } from './recordedDatabase.ts';
export { modeEnvironment, recorderSettings, type VaultPlace } from './recorderSettings.ts';
export { RecordingArchiveSpec, RecordingArchiveStatus } from './recordingArchive.ts';
export { bundleOf, renewed, secondsLeft, type WebhookMaterial } from './webhookCertificates.ts';
export { WEBHOOK_CONFIGURATION, type WebhookPlan, webhookConfiguration } from './webhookConfiguration.ts';
export { type ServingPair, startWebhookServer, type WebhookServer } from './webhookServer.ts';
