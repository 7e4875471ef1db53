{{/* Names and labels; what they start with is the release's name where that says pgtape already. */}}

{{- define "pgtape.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgtape.labels" -}}
{{ include "pgtape.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: pgtape
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pgtape.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* metadata of an object; call with (list $ "webhook"), whose second part is the suffix of the name and the component. */}}
{{- define "pgtape.metadata" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 -}}
name: {{ include "pgtape.fullname" $root }}-{{ $component }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "pgtape.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ $component }}
{{- end }}

{{/* The same without a namespace. */}}
{{- define "pgtape.clusterMetadata" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 -}}
name: {{ include "pgtape.fullname" $root }}-{{ $component }}
labels:
  {{- include "pgtape.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ $component }}
{{- end }}

{{- define "pgtape.componentLabels" -}}
{{ include "pgtape.selectorLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pgtape.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the vault of this release is called; TLS names follow from it. */}}
{{- define "pgtape.vaultHost" -}}
{{ include "pgtape.fullname" . }}-vault.{{ .Release.Namespace }}.svc
{{- end }}
