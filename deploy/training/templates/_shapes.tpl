{{/* What every pod of ours says about its rights. */}}
{{- define "pod.security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* And every container. */}}
{{- define "container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A required image reference: (dict "root" . "name" "mlflow") */}}
{{- define "image" -}}
{{- required (printf "images.%s is not set: the harness gives it in the Application's valuesObject" .name) (index .root.Values.images .name) -}}
{{- end }}

{{/* Service at the floating address, when there is one. */}}
{{- define "external" -}}
{{- with .Values.externalIP }}
externalIPs: [{{ . | quote }}]
{{- end }}
{{- end }}
