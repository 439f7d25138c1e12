{{- define "pouncet.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pouncet.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pouncet.labels" -}}
{{ include "pouncet.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pouncet.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "pouncet.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "pouncet.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (required "set image.tag or image.digest" .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The settings that both pods have: no rights, and nothing that can be written. */}}
{{- define "pouncet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "pouncet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "pouncet.kmsEnv" -}}
- name: POUNCET_KMS_KEY
  value: {{ .Values.kmsKey | quote }}
{{- end -}}

{{/* What the values cannot say about each other in a schema. */}}
{{- define "pouncet.check" -}}
{{- if and (not .Values.tls.secretName) (not .Values.tls.insecureBehindProxy) -}}
{{- fail "set tls.secretName, or tls.insecureBehindProxy=true if a mesh or a proxy encrypts the connections" -}}
{{- end -}}
{{- if and .Values.tls.secretName .Values.tls.insecureBehindProxy -}}
{{- fail "tls.insecureBehindProxy has no effect with tls.secretName: remove one of them" -}}
{{- end -}}
{{- if and .Values.tls.clientCASecretName (not .Values.tls.secretName) -}}
{{- fail "tls.clientCASecretName requires tls.secretName" -}}
{{- end -}}
{{- if and (hasPrefix "file:" .Values.kmsKey) (not .Values.kms.keySecretName) -}}
{{- fail "kmsKey names a file: set kms.keySecretName, or use a KMS" -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.preStopSleepSeconds) 20 | int) -}}
{{- fail (printf "terminationGracePeriodSeconds must be at least %d: preStopSleepSeconds, and 20 s for the running requests" (add (int .Values.preStopSleepSeconds) 20)) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is larger than autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service) -}}
{{- fail "metrics.serviceMonitor requires metrics.service" -}}
{{- end -}}
{{- end -}}
