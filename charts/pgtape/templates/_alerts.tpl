{{/* Alerts over the metrics of operator and vault; docs/alerts.md has a section for each, which runbook_url leads to. */}}

{{- define "pgtape.operatorAlerts" -}}
{{- $name := include "pgtape.fullname" . }}
{{- $namespace := .Release.Namespace }}
{{- $runbooks := .Values.metrics.rules.runbooks }}
- alert: PgtapeInjectorDown
  expr: absent(up{job="{{ $name }}-webhook", namespace="{{ $namespace }}"} == 1)
  for: 2m
  labels:
    severity: critical
  annotations:
    summary: 'No replica of the webhook answers'
    description: 'Pods that are created now come out without a recorder, or not at all where admission is Required.'
    runbook_url: {{ $runbooks }}#pgtapeinjectordown
- alert: PgtapeNoLeader
  expr: absent(pgtape_operator_leading{job="{{ $name }}-controller", namespace="{{ $namespace }}"} == 1)
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: 'No controller leads'
    description: 'Configuration, guards, certificates and status stay as they are; pods are injected all the same.'
    runbook_url: {{ $runbooks }}#pgtapenoleader
- alert: PgtapeUncoveredPods
  expr: max by (database) (pgtape_operator_uncovered_pods{job="{{ $name }}-controller", namespace="{{ $namespace }}"}) > 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: '{{ `{{ $labels.database }}` }} has pods without a recorder'
    description: '{{ `{{ $value }}` }} pods of {{ `{{ $labels.database }}` }} run without a recorder: what is done in them is on no tape.'
    runbook_url: {{ $runbooks }}#pgtapeuncoveredpods
- alert: PgtapeBypass
  expr: sum by (database) (increase(pgtape_operator_bypasses_total{job="{{ $name }}-controller", namespace="{{ $namespace }}"}[15m])) > 0
  for: 0m
  labels:
    severity: critical
  annotations:
    summary: 'Sessions of {{ `{{ $labels.database }}` }} went past the recorder'
    description: 'What was done in them is on no tape; that they were is.'
    runbook_url: {{ $runbooks }}#pgtapebypass
- alert: PgtapeEvidenceWaits
  expr: max by (database) (pgtape_operator_evidence_lag_seconds{job="{{ $name }}-controller", namespace="{{ $namespace }}"}) > 300
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: 'Evidence of {{ `{{ $labels.database }}` }} waits for the vault'
    description: 'The oldest is {{ `{{ $value | humanizeDuration }}` }} old and not acknowledged. A pod deleted now may take it along.'
    runbook_url: {{ $runbooks }}#pgtapeevidencewaits
- alert: PgtapeCoverageLow
  expr: min by (database) (pgtape_operator_coverage_ratio{job="{{ $name }}-controller", namespace="{{ $namespace }}"}) < 0.99
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: 'Coverage of {{ `{{ $labels.database }}` }} is under 99 %'
    description: '{{ `{{ $value | humanizePercentage }}` }} of the sessions that the server saw are on tape.'
    runbook_url: {{ $runbooks }}#pgtapecoveragelow
- alert: PgtapeNotCaptured
  expr: max by (database) (pgtape_operator_injected_pods{job="{{ $name }}-controller", namespace="{{ $namespace }}"}) > max by (database) (pgtape_operator_captured_pods{job="{{ $name }}-controller", namespace="{{ $namespace }}"})
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: '{{ `{{ $labels.database }}` }} has recorders that are not proven to be reached'
    description: 'A recorder runs in every pod, but no probe came to it by the address of the pod.'
    runbook_url: {{ $runbooks }}#pgtapenotcaptured
- alert: PgtapeReconcileFails
  expr: increase(pgtape_operator_reconciles_total{job="{{ $name }}-controller", namespace="{{ $namespace }}", outcome="failed"}[10m]) > 3
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: 'The controller cannot do its work'
    description: 'Its log says what fails.'
    runbook_url: {{ $runbooks }}#pgtapereconcilefails
- alert: PgtapeWatchSilent
  expr: max by (resource) (pgtape_operator_watch_age_seconds{namespace="{{ $namespace }}"}) > 900
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: 'The operator hears nothing of {{ `{{ $labels.resource }}` }}'
    description: 'A watch of the API server has been silent for {{ `{{ $value | humanizeDuration }}` }}.'
    runbook_url: {{ $runbooks }}#pgtapewatchsilent
- alert: PgtapeCertificateExpires
  expr: >-
    min(pgtape_operator_webhook_certificate_expiry_seconds{namespace="{{ $namespace }}"}) < 259200 or
    min(pgtape_operator_vault_certificate_expiry_seconds{namespace="{{ $namespace }}"}) < 259200
  for: 10m
  labels:
    severity: critical
  annotations:
    summary: 'A certificate of webhook or vault ends in under three days'
    description: 'It is renewed long before; nobody does.'
    runbook_url: {{ $runbooks }}#pgtapecertificateexpires
- alert: PgtapeSecretUnusable
  expr: sum by (reason) (increase(pgtape_operator_secret_problems_total{namespace="{{ $namespace }}"}[15m])) > 0
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: 'A Secret of the release is not what it should be: {{ `{{ $labels.reason }}` }}'
    description: 'The controller leaves it alone. Events on the Secret, or on the RecordingArchive, say which.'
    runbook_url: {{ $runbooks }}#pgtapesecretunusable
- alert: PgtapeWebhookSlow
  expr: histogram_quantile(0.99, sum by (le) (rate(pgtape_operator_webhook_duration_seconds_bucket{namespace="{{ $namespace }}"}[10m]))) > 1
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: 'The webhook answers slowly'
    description: 'One answer in a hundred takes over {{ `{{ $value | humanizeDuration }}` }}; the API server waits for five.'
    runbook_url: {{ $runbooks }}#pgtapewebhookslow
{{- end }}

{{- define "pgtape.vaultAlerts" -}}
{{- $name := include "pgtape.fullname" . }}
{{- $namespace := .Release.Namespace }}
{{- $runbooks := .Values.metrics.rules.runbooks }}
- alert: PgtapeVaultDown
  expr: absent(up{job="{{ $name }}-vault", namespace="{{ $namespace }}"} == 1)
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: 'The vault does not answer'
    description: 'Recorders keep what they seal until their spool is full; then they do what spool.onFull says.'
    runbook_url: {{ $runbooks }}#pgtapevaultdown
- alert: PgtapeVaultAlert
  expr: max by (reason) (pgtape_vault_alerts{namespace="{{ $namespace }}", reason!~"forged|worm|log_fenced"}) > 0
  for: 0m
  labels:
    severity: warning
  annotations:
    summary: 'The vault says {{ `{{ $labels.reason }}` }}'
    description: 'docs/alerts.md says for each reason what to do.'
    runbook_url: {{ $runbooks }}#pgtapevaultalert
- alert: PgtapeEvidenceAlert
  expr: max by (reason) (pgtape_vault_alerts{namespace="{{ $namespace }}", reason=~"forged|worm|log_fenced"}) > 0
  for: 0m
  labels:
    severity: critical
  annotations:
    summary: 'The vault says {{ `{{ $labels.reason }}` }}'
    description: 'Evidence contradicts itself, or the store does not keep what it must.'
    runbook_url: {{ $runbooks }}#pgtapeevidencealert
- alert: PgtapeVaultRefuses
  expr: sum by (reason) (rate(pgtape_vault_requests_refused_total{namespace="{{ $namespace }}"}[5m])) > 0
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: 'The vault refuses what recorders send: {{ `{{ $labels.reason }}` }}'
    description: 'It is sent again until it is taken; meanwhile it lies in the recorders'' spools.'
    runbook_url: {{ $runbooks }}#pgtapevaultrefuses
- alert: PgtapeLogNotPublished
  expr: max(pgtape_vault_log_checkpoint_age_seconds{namespace="{{ $namespace }}"}) > 300 and on () max(pgtape_vault_log_pending{namespace="{{ $namespace }}"}) > 0
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: 'The log has not been published for {{ `{{ $value | humanizeDuration }}` }}'
    description: 'What was stored meanwhile has no published proof yet.'
    runbook_url: {{ $runbooks }}#pgtapelognotpublished
- alert: PgtapeWitnessFails
  expr: sum by (reason) (increase(pgtape_vault_witness_failures_total{namespace="{{ $namespace }}"}[30m])) > 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: 'A witness does not cosign: {{ `{{ $labels.reason }}` }}'
    description: 'Checkpoints are published without it.'
    runbook_url: {{ $runbooks }}#pgtapewitnessfails
- alert: PgtapeViewsDropped
  expr: sum by (reason) (increase(pgtape_vault_forward_dropped_total{namespace="{{ $namespace }}"}[15m])) > 0
  for: 15m
  labels:
    severity: info
  annotations:
    summary: 'Views did not reach the tracing backend: {{ `{{ $labels.reason }}` }}'
    description: 'Traces are missing there; evidence is not.'
    runbook_url: {{ $runbooks }}#pgtapeviewsdropped
{{- end }}
