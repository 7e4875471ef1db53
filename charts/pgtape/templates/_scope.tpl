{{/*
Three ways to render: everything (the default); what a namespace's owner may install (rbac.namespaced); and what an administrator
applies for that once (rbac.namespaced and clusterScopedOnly).
*/}}

{{- define "pgtape.hasClusterScoped" -}}
{{- or .Values.clusterScopedOnly (not .Values.rbac.namespaced) }}
{{- end }}

{{- define "pgtape.hasNamespaced" -}}
{{- not .Values.clusterScopedOnly }}
{{- end }}

{{/* Where webhook and controller are rendered. */}}
{{- define "pgtape.hasOperator" -}}
{{- and .Values.operator.enabled (not .Values.clusterScopedOnly) }}
{{- end }}

{{/* absent | own | other, of a CustomResourceDefinition; call with (list $ name). `helm template` asks nobody: absent. */}}
{{- define "pgtape.ownerOfDefinition" -}}
{{- $release := (index . 0).Release }}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" (index . 1) }}
{{- if not $found }}absent
{{- else }}
{{- $labels := default dict $found.metadata.labels }}
{{- $annotations := default dict $found.metadata.annotations }}
{{- $isOwn := and (eq (get $labels "app.kubernetes.io/managed-by") "Helm") (eq (get $annotations "meta.helm.sh/release-name") $release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") $release.Namespace) }}
{{- ternary "own" "other" $isOwn }}
{{- end }}
{{- end }}
