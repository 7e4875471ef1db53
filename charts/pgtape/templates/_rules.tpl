{{/*
What each of our accounts may do, and no more than it does: e2e/src/cluster/operator.test.ts reads it from the API server's audit
log. `create` on what is only ever applied: server-side apply asks for it where the object is not there yet.
*/}}

{{/* Of the controller, in the namespaces of databases. */}}
{{- define "pgtape.controllerRules" -}}
- apiGroups: [pgtape.dev]
  resources: [recordeddatabases]
  verbs: [list, watch]
- apiGroups: [pgtape.dev]
  resources: [recordeddatabases/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [services, pods]
  verbs: [list, watch]
# The Service of capture mode `Service`.
- apiGroups: [""]
  resources: [services]
  verbs: [create, patch, update, delete]
# The configuration of recorders.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch, update, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rbac.evictPods }}
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
{{- if .Values.rbac.patchPods }}
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end }}
{{- end }}

{{/* Of the controller, of what has no namespace. */}}
{{- define "pgtape.controllerClusterRules" -}}
- apiGroups: [pgtape.dev]
  resources: [recordingarchives]
  verbs: [list, watch]
{{- if .Values.vault.enabled }}
# Whether the key of the log is there: the vault that lost it may not even start.
- apiGroups: [pgtape.dev]
  resources: [recordingarchives/status]
  resourceNames: [{{ .Values.vault.archive }}]
  verbs: [patch]
{{- end }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations, validatingadmissionpolicies, validatingadmissionpolicybindings]
  verbs: [list, watch, create, patch, update, delete]
# Itself: the owner of webhook and guards, so that they go when the release goes.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{{ include "pgtape.fullname" . }}-controller]
  verbs: [get]
{{- end }}

{{/* Of the controller, in the namespace of the release. */}}
{{- define "pgtape.controllerOwnRules" -}}
{{- $name := include "pgtape.fullname" . }}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ $name }}-controller]
  verbs: [get, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ $name }}-webhook, {{ $name }}-vault-tls, {{ $name }}-vault-log]
  verbs: [list, watch, update]
{{- if .Values.rbac.namespaced }}
# What is published to the vault.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch, update, delete]
# About its own Secrets.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
# The canary: a dry run that proves that the API server reaches the webhook.
- apiGroups: [""]
  resources: [pods]
  verbs: [create]
{{- end }}

{{/* Of the webhook: it reads what it answers from, and writes nothing. */}}
{{- define "pgtape.webhookRules" -}}
- apiGroups: [pgtape.dev]
  resources: [recordeddatabases]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
{{- end }}

{{- define "pgtape.webhookClusterRules" -}}
- apiGroups: [pgtape.dev]
  resources: [recordingarchives]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}

{{- define "pgtape.webhookOwnRules" -}}
{{- $name := include "pgtape.fullname" . }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ $name }}-webhook]
  verbs: [list, watch]
{{- end }}

{{/* Of the vault: whose token a recorder shows, and whether its pod is one that was injected. */}}
{{- define "pgtape.vaultRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
{{- end }}

{{- define "pgtape.vaultClusterRules" -}}
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [pgtape.dev]
  resources: [recordingarchives]
  verbs: [get, list, watch]
- apiGroups: [pgtape.dev]
  resources: [recordingarchives/status]
  resourceNames: [{{ .Values.vault.archive }}]
  verbs: [patch]
{{- end }}

{{- define "pgtape.vaultOwnRules" -}}
{{- if .Values.operator.enabled }}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "pgtape.fullname" . }}-published]
  verbs: [get, list, watch]
{{- end }}
{{- end }}
