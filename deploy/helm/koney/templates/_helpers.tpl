{{- define "koney.fullname" -}}
{{- if contains "koney" .Release.Name -}}{{ printf "%s-agent" .Release.Name | trunc 63 | trimSuffix "-" }}{{- else -}}{{ printf "%s-koney-agent" .Release.Name | trunc 63 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "koney.selector" -}}
app.kubernetes.io/name: koney-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "koney.labels" -}}
{{ include "koney.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "koney.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "koney.fullname" .) }}
{{- end -}}

{{- define "koney.image" -}}
{{- if .Values.image.digest -}}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{- else -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "koney.capabilities" -}}
{{- with .Values.capabilities -}}
{{- if .bpf }}
- BPF
{{- end }}
{{- if .perfmon }}
- PERFMON
{{- end }}
{{- if .sysPtrace }}
- SYS_PTRACE
{{- end }}
{{- if .dacReadSearch }}
- DAC_READ_SEARCH
{{- end }}
{{- if .sysAdmin }}
- SYS_ADMIN
{{- end }}
{{- if .sysResource }}
- SYS_RESOURCE
{{- end }}
{{- end -}}
{{- end -}}
