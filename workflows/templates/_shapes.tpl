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
  emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{/* The container that builds an image: root in a container of its own, without privilege. */}}
{{- define "build.container" -}}
image: {{ required "images.pipeline is not set: the harness gives it in the Application's valuesObject" .Values.images.pipeline }}
command: [python, -m, services.pipeline]
env:
  - {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
securityContext:
  # buildah unpacks layers with owners of their own: as root, with what that needs and no more.
  runAsUser: 0
  runAsNonRoot: false
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
    add: [CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP, SETGID, SETUID, SYS_CHROOT]
resources: {{- toYaml .Values.resources.build | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: work, mountPath: /work}
{{- end }}

{{- define "build.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
- name: work
  emptyDir: {sizeLimit: 10Gi}
{{- end }}

{{- define "build.security" -}}
runAsUser: 0
seccompProfile:
  type: RuntimeDefault
{{- end }}
