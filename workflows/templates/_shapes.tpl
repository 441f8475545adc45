{{/* What every workflow of ours says: finished ones stay to be read, pods of failed ones too. */}}
{{- define "workflow.life" -}}
archiveLogs: false
podGC:
  strategy: OnWorkflowSuccess
  deleteDelayDuration: 10m
ttlStrategy:
  secondsAfterSuccess: 2592000
  secondsAfterFailure: 604800
{{- end }}

{{/* A pod's rights. */}}
{{- define "pod.security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container's rights, image and scratch space. */}}
{{- define "task.container" -}}
image: {{ required "images.pipeline is not set: the harness gives it in the Application's valuesObject" .Values.images.pipeline }}
command: [python, -m, services.pipeline]
env:
  - {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources: {{- toYaml .Values.resources.small | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "task.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 2Gi}
{{- end }}
