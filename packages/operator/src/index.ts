export type { AdmissionAnswer, AdmissionRequest } from './admissionReview.ts';
export { canaryPod } from './canary.ts';
export { canaryRun } from './canaryRun.ts';
export type { PodSecurity, Refused, WhyNot } from './capturePlan.ts';
export { type Answering, whoAnswers } from './captureProbe.ts';
export { type CertificateMaterial, type RotationPlan, renewed } from './certificateMaterial.ts';
export { OperatorError } from './clusterAccess.ts';
export { namedPortOf, podSecurityOf } from './clusterFacts.ts';
export { configMapName, type ProtectedDatabase } from './clusterNames.ts';
export {
  admissionPolicies,
  networkServices,
  policyBindings,
  recordedDatabases,
  recordingArchives,
  resourceOf,
  secrets,
  webhookConfigurations,
} from './clusterResources.ts';
export { customResourceDefinitions } from './crd.ts';
export { admissionGuard, configGuard, type ExecExemptions, execGuard } from './guardPolicies.ts';
export { type Injection, inject, type SkipReason } from './injection.ts';
export { annotations, type InjectionPlan, RECORDER_CONTAINER } from './injectionPlan.ts';
export { OPERATOR_ENV_PREFIX, OperatorConfig } from './operatorConfig.ts';
export { type Operator, startOperator } from './operatorProcess.ts';
export { type PodCoverage, podCoverage } from './podCoverage.ts';
export {
  isOperatorOwned,
  type Platform,
  PodFacts,
  platformFor,
  platformOf,
  type QosClass,
  qosOf,
} from './podFacts.ts';
export { HEALTH_PORT, leavesPortAlone, RECORDER_PORT } from './podPlaces.ts';
export { RecordedDatabaseSpec } from './recordedDatabase.ts';
export { type RecorderAnswer, type RecorderPlace, recorderStatus } from './recorderAnswers.ts';
export { RecordingArchiveSpec, RecordingArchiveStatus } from './recordingArchive.ts';
export { type Actor, actorOf, archiveConditions, databaseConditions } from './reference/conditionCatalog.ts';
export { portProbes, socketProbes } from './socketProbes.ts';
export { type WebhookPlan, webhookConfiguration } from './webhookConfiguration.ts';
export { type ServingPair, startWebhookServer, type WebhookServer } from './webhookServer.ts';
