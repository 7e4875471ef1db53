{{/* What our processes are configured with; `config` values of the chart win. docs/configuration.md is the reference. */}}

{{- define "pgtape.operatorConfig" -}}
{{- $name := include "pgtape.fullname" . }}
{{- $own := list (printf "%s-webhook" $name) (printf "%s-controller" $name) (printf "%s-vault" $name) (printf "%s-test" $name) }}
{{- $config := dict
  "namespace" .Release.Namespace
  "image" (include "pgtape.image" .)
  "ownerClusterRole" (printf "%s-controller" $name)
  "serviceAccounts" $own
  "webhook" (dict "service" (printf "%s-webhook" $name) "certificateSecret" (printf "%s-webhook" $name))
  "lease" (dict "name" (printf "%s-controller" $name))
  "published" (printf "%s-published" $name)
  "log" (dict "level" .Values.operator.logLevel)
}}
{{- $vaultUrl := .Values.vault.url | default (printf "https://%s:4317" (include "pgtape.vaultHost" .)) }}
{{- $vault := dict "url" $vaultUrl "archive" .Values.vault.archive }}
{{- if .Values.vault.enabled }}
{{- $_ := set $vault "service" (printf "%s-vault" $name) }}
{{- $_ := set $vault "caSecret" (printf "%s-vault-tls" $name) }}
{{- $_ := set $vault "caConfigMap" (printf "%s-vault-ca" $name) }}
{{- $_ := set $vault "logSecret" (printf "%s-vault-log" $name) }}
{{- end }}
{{- $_ := set $config "vault" $vault }}
{{- if .Values.certificates.certManager.enabled }}
{{- $_ := set $config "certificates" (dict "issuer" "secret") }}
{{- end }}
{{- with .Values.operator.execExemptUsers }}
{{- $_ := set $config "execExemptUsers" . }}
{{- end }}
{{- if .Values.rbac.namespaced }}
{{- $_ := set $config "namespaces" .Values.rbac.namespaces }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.operator.config) | toYaml }}
{{- end }}

{{- define "pgtape.vaultConfig" -}}
{{- $name := include "pgtape.fullname" . }}
{{- $tls := dict "certFile" "/etc/pgtape/tls/tls.crt" "keyFile" "/etc/pgtape/tls/tls.key" }}
{{- $readers := list }}
{{- if .Values.reader.create }}
{{- $readers = append $readers (dict "serviceAccount" (printf "%s:%s-reader" .Release.Namespace $name) "may" .Values.reader.may) }}
{{- end }}
{{- $callers := list }}
{{- range concat $readers .Values.vault.readers }}
{{- $callers = append $callers (dict "name" (printf "system:serviceaccount:%s" .serviceAccount) "serviceAccount" .serviceAccount "may" .may) }}
{{- end }}
{{- $config := dict
  "name" $name
  "stateDir" "/var/lib/pgtape/vault"
  "otlp" (dict "host" "0.0.0.0" "port" 4317 "tls" $tls "publicUrl" (.Values.vault.url | default (printf "https://%s:4317" (include "pgtape.vaultHost" .))) "publicCaFile" "/etc/pgtape/tls/ca.crt")
  "http" (dict "host" "0.0.0.0" "port" 7417 "tls" $tls "callers" $callers)
  "tlog" (dict "keyFile" "/etc/pgtape/log/log.key")
  "enrolment" (dict "required" .Values.vault.enrolmentRequired "kubernetes" (dict "audience" "pgtape-vault"))
  "log" (dict "level" .Values.vault.logLevel)
}}
{{- if .Values.operator.enabled }}
{{- $_ := set $config "published" (dict "namespace" .Release.Namespace "name" (printf "%s-published" $name)) }}
{{- else if .Values.vault.published }}
{{- $place := splitList "/" .Values.vault.published }}
{{- $_ := set $config "published" (dict "namespace" (first $place) "name" (last $place)) }}
{{- end }}
{{- with .Values.vault.tracing }}
{{- if .url }}
{{- $forward := dict "url" .url }}
{{- if .caSecret }}{{- $_ := set $forward "caFile" "/etc/pgtape/tracing/ca.crt" }}{{- end }}
{{- $_ := set $config "forward" $forward }}
{{- end }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.vault.config) | toYaml }}
{{- end }}
