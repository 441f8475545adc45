{{/* Arguments that every step of a promotion has; the target is the workflow's parameter (dict "root" . "target" "…").
     The MLflow is no parameter: who submits must not choose where the evidence lies. */}}
{{- define "promotion.args" -}}
- --out=/tmp/out
- "--workflow={{`{{workflow.name}}`}}"
- "--uid={{`{{workflow.uid}}`}}"
- "--target={{`{{workflow.parameters.`}}{{ .target }}{{`}}`}}"
- --mlflow={{ .root.Values.addresses.mlflow }}
- --registry={{ .root.Values.registry }}
- {{ printf "--question=%s" .root.Values.question | quote }}
- --within={{ .root.Values.deadlines.promote }}
{{- range $environment, $port := .root.Values.ports }}
- --serves={{ $environment }}=http://birdclef-app.birdclef-{{ $environment }}.svc.cluster.local:{{ $port }}
{{- end }}
{{- end }}

{{/* One at a time at each target, promotion or rollback. Who waits says who holds it. */}}
{{- define "promotion.mutex" -}}
mutexes:
  - {name: "promote-{{`{{workflow.parameters.`}}{{ . }}{{`}}`}}"}
{{- end }}

{{/* The way out, when the step didn't end well: nothing may stay half done, whoever was killed. */}}
{{- define "promotion.settle" -}}
- name: finish
  steps:
    - - name: settle
        template: settle
        when: "{{`{{workflow.status}}`}} != Succeeded"
- name: settle
  serviceAccountName: {{ .account }}
  activeDeadlineSeconds: {{ add .root.Values.deadlines.promote 600 }}
  # It is safe to repeat: what is as it was is left alone.
  retryStrategy: {limit: "4", retryPolicy: Always, backoff: {duration: "10s", factor: 2}}
  securityContext: {{- include "pod.security" .root | nindent 4 }}
  volumes: {{- include "task.volumes" .root | nindent 4 }}
  container:
    {{- include "task.container" .root | nindent 4 }}
    args:
      - settle
      - "--status={{`{{workflow.status}}`}}"
      {{- include "promotion.args" . | nindent 6 }}
  outputs:
    parameters:
      - {name: settled, valueFrom: {path: /tmp/out/outcome}}
{{- end }}

{{/* What the step found, one file each. */}}
{{- define "promotion.outputs" -}}
{{- range list "outcome" "version" "digest" "left" "override" -}}
- {name: {{ . }}, valueFrom: {path: /tmp/out/{{ . }}}}
{{ end }}
{{- end }}

{{/* Again after a kill, an eviction or a lost node, with the record in the Application; not after a failure of its own. */}}
{{- define "promotion.retry" -}}
limit: "3"
retryPolicy: Always
expression: lastRetry.status == "Error" || asInt(lastRetry.exitCode) > 128
{{- end }}
