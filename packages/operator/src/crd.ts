/** Owns the two CustomResourceDefinitions, made from the schemas of their kinds. Pure. */
import { stringify } from 'yaml';
import { z } from 'zod';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { RecordedDatabaseStatus } from './recordedDatabaseStatus.ts';
import { RecordingArchiveSpec, RecordingArchiveStatus } from './recordingArchive.ts';
import { type JsonSchema, structuralSchema } from './structuralSchema.ts';

export const API_GROUP = 'pgtape.dev';
export const API_VERSION = 'v1alpha1';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** 1: only with `-o wide`. */
  readonly priority?: number;
}

interface KindPlan {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly description: string;
  readonly schema: z.ZodType;
  readonly columns: readonly Column[];
}

const ready = (type: string): string => `.status.conditions[?(@.type=="${type}")].status`;
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const message: Column = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].message',
  priority: 1,
};

const plans: readonly KindPlan[] = [
  {
    kind: 'RecordedDatabase',
    plural: 'recordeddatabases',
    singular: 'recordeddatabase',
    shortName: 'recdb',
    scope: 'Namespaced',
    description: 'Pods of PostgreSQL whose sessions are recorded.',
    schema: z.strictObject({ spec: RecordedDatabaseSpec, status: RecordedDatabaseStatus }),
    columns: [
      { name: 'Ready', type: 'string', jsonPath: ready('Ready') },
      {
        name: 'Coverage',
        type: 'string',
        jsonPath: '.status.coverage',
        description: 'Sessions on tape per sessions seen.',
      },
      {
        name: 'Bypass',
        type: 'integer',
        jsonPath: '.status.bypasses',
        description: 'Sessions that went past.',
      },
      {
        name: 'Lag',
        type: 'integer',
        jsonPath: '.status.lagSeconds',
        description: 'Seconds behind the archive.',
      },
      { name: 'Mode', type: 'string', jsonPath: '.status.mode', description: 'Achieved, not wished for.' },
      age,
      message,
    ],
  },
  {
    kind: 'RecordingArchive',
    plural: 'recordingarchives',
    singular: 'recordingarchive',
    shortName: 'recarchive',
    scope: 'Cluster',
    description: 'Where evidence goes and how long it is kept.',
    schema: z.strictObject({ spec: RecordingArchiveSpec, status: RecordingArchiveStatus }),
    columns: [
      { name: 'Ready', type: 'string', jsonPath: ready('Ready') },
      { name: 'Lock', type: 'string', jsonPath: '.spec.lock' },
      { name: 'Days', type: 'integer', jsonPath: '.spec.retention.days' },
      {
        name: 'Log',
        type: 'integer',
        jsonPath: '.status.logSize',
        description: 'Entries of the transparency log.',
      },
      { name: 'Recorders', type: 'integer', jsonPath: '.status.recorders' },
      { name: 'Holds', type: 'integer', jsonPath: '.status.holds' },
      {
        name: 'Endpoint',
        type: 'string',
        jsonPath: '.status.endpoint',
        description: 'Where recorders send evidence to.',
        priority: 1,
      },
      age,
      message,
    ],
  },
];

function schemaOf(plan: KindPlan): JsonSchema {
  const { properties, required } = structuralSchema(plan.schema) as {
    properties: Record<string, JsonSchema>;
    required: readonly string[];
  };
  return {
    type: 'object',
    description: plan.description,
    required,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...properties,
    },
  };
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition. */
function definitionOf(plan: KindPlan): Record<string, unknown> {
  const { kind, plural, singular, shortName } = plan;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: plan.scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [shortName],
        categories: ['pgtape'],
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: plan.columns,
          schema: { openAPIV3Schema: schemaOf(plan) },
        },
      ],
    },
  };
}

/** By file name in `crds/`. */
export function customResourceDefinitions(): ReadonlyMap<string, Record<string, unknown>> {
  return new Map(plans.map((plan) => [`${API_GROUP}_${plan.plural}.yaml`, definitionOf(plan)]));
}

/** The text of such a file. */
export function definitionText(definition: Record<string, unknown>): string {
  return stringify(definition, { lineWidth: 110 });
}
