{{- /* Names. Helm's limit of 63 leaves room for our endings. */ -}}
{{- define "bartizan.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "bartizan.fullname" -}}
{{- $name := include "bartizan.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{ default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* What selects the pods of a component: (dict "root" $ "component" "xds"). */ -}}
{{- define "bartizan.selector" -}}
app.kubernetes.io/name: {{ include "bartizan.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "bartizan.labels" -}}
{{ include "bartizan.selector" . }}
app.kubernetes.io/part-of: bartizan
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Name, namespace and labels: (dict "root" $ "component" "xds" "name" "xds-tls"). */ -}}
{{- define "bartizan.metadata" -}}
name: {{ include "bartizan.fullname" .root }}-{{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "bartizan.labels" . | nindent 2 }}
{{- end }}

{{- /* An image and when it is pulled: (dict "root" $ "image" "envoy"). */ -}}
{{- define "bartizan.image" -}}
{{- $image := get .root.Values.images .image -}}
image: {{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .root.Chart.AppVersion $image.tag }}{{ end }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{- end }}

{{- /* What Pod Security "restricted" asks for, and more. */ -}}
{{- define "bartizan.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "bartizan.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* The part of a pod's spec that is the same everywhere: (dict "root" $ "component" "xds"). */ -}}
{{- define "bartizan.pod" -}}
serviceAccountName: {{ include "bartizan.fullname" .root }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "bartizan.podSecurity" . | nindent 2 }}
{{- with .root.Values.scheduling }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .spread }}
    labelSelector:
      matchLabels:
        {{- include "bartizan.selector" $ | nindent 8 }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Labels and annotations of a pod, which is replaced when its "config" changes: (dict "root" $ "component" "nats" "config" "..."). */ -}}
{{- define "bartizan.podMetadata" -}}
labels:
  {{- include "bartizan.labels" . | nindent 2 }}
{{- $annotations := .root.Values.scheduling.podAnnotations }}
{{- with get . "config" }}{{ $annotations = merge (dict "checksum/config" (sha256sum .)) $annotations }}{{ end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Where a role finds its certificate, its key and whom it trusts. */ -}}
{{- define "bartizan.tlsArgs" -}}
- --tls-cert=/etc/bartizan/mtls/tls.crt
- --tls-key=/etc/bartizan/mtls/tls.key
- --tls-ca=/etc/bartizan/mtls/ca.crt
{{- end }}

{{- /* The Secret of a role's certificate: (dict "root" $ "role" "xds"). */ -}}
{{- define "bartizan.tlsSecret" -}}
{{- if eq .root.Values.mtls.mode "existing" -}}
{{ required (printf "mtls.mode existing wants mtls.secrets.%s" .role) (get .root.Values.mtls.secrets .role) }}
{{- else -}}
{{ include "bartizan.fullname" .root }}-{{ .role }}-tls
{{- end }}
{{- end }}

{{- /* A volume of a role's certificate: (dict "root" $ "role" "xds"). Its mode is 0440: the pod's group reads it. */ -}}
{{- define "bartizan.tlsVolume" -}}
- name: {{ .role }}-tls
  secret: {secretName: {{ include "bartizan.tlsSecret" . }}, defaultMode: 0440}
{{- end }}

{{- /* DNS names of a role's certificate, as YAML. */ -}}
{{- define "bartizan.tlsNames" -}}
{{- $full := include "bartizan.fullname" .root -}}
{{- $ns := .root.Release.Namespace -}}
{{- if or (eq .role "envoy") (eq .role "extproc") -}}
- {{ .role }}.bartizan
{{- else -}}
- {{ $full }}-{{ .role }}
- {{ $full }}-{{ .role }}.{{ $ns }}
- {{ $full }}-{{ .role }}.{{ $ns }}.svc
- localhost
{{- if eq .role "nats" }}
- "*.{{ $full }}-nats-peers.{{ $ns }}.svc"
{{- end }}
{{- end }}
{{- end }}

{{- /* "true" where gateway pods are a StatefulSet. */ -}}
{{- define "bartizan.stateful" -}}
{{- if or (eq .Values.audit.mode "strict") (eq .Values.nats.mode "embedded") }}true{{ end }}
{{- end }}

{{- /* What would not work, said before it is tried. */ -}}
{{- define "bartizan.validate" -}}
{{- $v := .Values -}}
{{- $sources := len (compact (list $v.policies.git.repository $v.policies.configMap (ternary "documents" "" (gt (len $v.policies.documents) 0)))) -}}
{{- if ne $sources 1 }}
{{- fail (printf "policies come from one of policies.git.repository, policies.documents and policies.configMap; %d of them are set" $sources) }}
{{- end }}
{{- if and (eq $v.nats.mode "embedded") (or $v.gateway.autoscaling.enabled (gt (int $v.gateway.replicas) 1)) }}
{{- fail "nats.mode embedded puts NATS into the gateway's only pod, and more pods would each keep records of their own: set gateway.replicas to 1 and gateway.autoscaling.enabled to false, or nats.mode to cluster or external" }}
{{- end }}
{{- if and (eq $v.nats.mode "external") (not $v.nats.external.url) }}
{{- fail "nats.mode external wants nats.external.url" }}
{{- end }}
{{- if and (eq $v.mtls.mode "certManager") (not $v.mtls.issuerRef) }}
{{- fail "mtls.mode certManager wants mtls.issuerRef" }}
{{- end }}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled wants httpRoute.parentRefs: which gateway it is attached to" }}
{{- end }}
{{- end }}

{{- /* A host port is taken until its pod is gone. */ -}}
{{- define "bartizan.surge" -}}
{{- $host := false -}}
{{- range .Values.listeners }}{{ if get . "hostPort" }}{{ $host = true }}{{ end }}{{ end -}}
{{ ternary "{maxSurge: 0, maxUnavailable: 1}" "{maxSurge: 1, maxUnavailable: 0}" $host }}
{{- end }}
