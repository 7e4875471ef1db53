{{/* The pod of one role of the operator; call with (list $ "webhook") or (list $ "controller"). */}}
{{- define "pgtape.operatorPod" -}}
{{- $root := index . 0 }}
{{- $role := index . 1 }}
{{- $values := index $root.Values $role }}
{{- $name := include "pgtape.fullname" $root }}
metadata:
  {{- include "pgtape.podMetadata" (list $root $role $values) | nindent 2 }}
    checksum/config: {{ include "pgtape.operatorConfig" $root | sha256sum }}
spec:
  serviceAccountName: {{ $name }}-{{ $role }}
  terminationGracePeriodSeconds: 30
  securityContext:
    {{- include "pgtape.podSecurity" $root | nindent 4 }}
  {{- include "pgtape.placement" (list $root $role $values) | nindent 2 }}
  containers:
    - name: {{ $role }}
      image: {{ include "pgtape.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [operator, --role, {{ $role }}, --config, /etc/pgtape/operator.yaml]
      env:
        - name: PGTAPE_OPERATOR_IDENTITY
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
      ports:
        {{- if eq $role "webhook" }}
        - {name: webhook, containerPort: 9443, protocol: TCP}
        {{- end }}
        - {name: health, containerPort: 7419, protocol: TCP}
      startupProbe:
        httpGet: {path: /livez, port: health}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: health}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: health}
        periodSeconds: 2
        timeoutSeconds: 2
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        {{- include "pgtape.containerSecurity" $root | nindent 8 }}
      terminationMessagePolicy: FallbackToLogsOnError
      volumeMounts:
        - {name: config, mountPath: /etc/pgtape/operator.yaml, subPath: operator.yaml, readOnly: true}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: config
      configMap:
        name: {{ $name }}-operator
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{/* Deployment and disruption budget of a role. */}}
{{- define "pgtape.operatorRole" -}}
{{- $root := index . 0 }}
{{- $role := index . 1 }}
{{- $values := index $root.Values $role }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "pgtape.metadata" . | nindent 2 }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "pgtape.metadata" . | nindent 2 }}
spec:
  replicas: {{ $values.replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- include "pgtape.componentLabels" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  template:
    {{- include "pgtape.operatorPod" . | nindent 4 }}
{{- if and $values.podDisruptionBudget.enabled (gt (int $values.replicas) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "pgtape.metadata" . | nindent 2 }}
spec:
  minAvailable: {{ $values.podDisruptionBudget.minAvailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "pgtape.componentLabels" . | nindent 6 }}
{{- end }}
{{- end }}
