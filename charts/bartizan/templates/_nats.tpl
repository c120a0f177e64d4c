{{- /* A NATS server as a container, in the gateway's pod or its own. */ -}}
{{- define "bartizan.natsContainer" -}}
- name: nats
  {{- include "bartizan.image" (dict "root" . "image" "nats") | nindent 2 }}
  args: [--config, /etc/nats/nats.conf]
  env:
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  ports:
    - {name: nats, containerPort: 4222}
    {{- if eq .Values.nats.mode "cluster" }}
    - {name: routes, containerPort: 6222}
    {{- end }}
    - {name: monitor, containerPort: 8222}
  startupProbe:
    httpGet: {path: "/healthz?js-server-only=true", port: monitor}
    periodSeconds: 2
    failureThreshold: 90
  readinessProbe:
    httpGet: {path: "/healthz?js-server-only=true", port: monitor}
    periodSeconds: 5
  livenessProbe:
    httpGet: {path: "/healthz?js-enabled-only=true", port: monitor}
    periodSeconds: 15
    timeoutSeconds: 5
    failureThreshold: 4
  {{- include "bartizan.containerSecurity" . | nindent 2 }}
  resources:
    {{- toYaml .Values.nats.resources | nindent 4 }}
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: nats-config, mountPath: /etc/nats, readOnly: true}
    - {name: nats-users, mountPath: /etc/nats-users, readOnly: true}
    - {name: nats-tls, mountPath: /etc/bartizan/mtls, readOnly: true}
{{- end }}

{{- define "bartizan.natsServerVolumes" -}}
- name: nats-config
  configMap: {name: {{ include "bartizan.fullname" . }}-nats}
- name: nats-users
  secret: {secretName: {{ include "bartizan.fullname" . }}-nats-users, defaultMode: 0440}
{{ include "bartizan.tlsVolume" (dict "root" . "role" "nats") }}
{{- end }}

{{- define "bartizan.natsClaim" -}}
- metadata: {name: data}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .Values.nats.storage.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .Values.nats.storage.size }}}}
{{- end }}

{{- /* How extproc reaches NATS. Its own mutual TLS trusts the authority that signed the certificates of the chart's NATS. */ -}}
{{- define "bartizan.natsArgs" -}}
{{- $external := .Values.nats.external -}}
{{- if eq .Values.nats.mode "external" -}}
- --nats-url={{ $external.url }}
- --nats-stream-replicas={{ int $external.streamReplicas }}
{{- if eq $external.auth "password" }}
- --nats-user=$(NATS_USER)
- --nats-password-file=/etc/bartizan/nats/password
{{- else if eq $external.auth "creds" }}
- --nats-creds=/etc/bartizan/nats/nats.creds
{{- end }}
{{- if or (eq $external.tls "server") (eq $external.tls "mutual") }}
- --nats-tls-ca=/etc/bartizan/nats-tls/ca.crt
{{- end }}
{{- if eq $external.tls "mutual" }}
- --nats-tls-cert=/etc/bartizan/nats-tls/tls.crt
- --nats-tls-key=/etc/bartizan/nats-tls/tls.key
{{- end }}
{{- else -}}
- --nats-url=tls://{{ ternary "localhost" (printf "%s-nats" (include "bartizan.fullname" .)) (eq .Values.nats.mode "embedded") }}:4222
- --nats-stream-replicas={{ ternary 3 1 (eq .Values.nats.mode "cluster") }}
- --nats-user=$(NATS_USER)
- --nats-password-file=/etc/bartizan/nats/password
- --nats-tls-ca=/etc/bartizan/mtls/ca.crt
{{- end }}
{{- end }}

{{- define "bartizan.natsSecret" -}}
{{- if eq .Values.nats.mode "external" -}}
{{- if ne .Values.nats.external.auth "none" -}}
{{ required "nats.external.auth wants nats.external.credentialsSecret" .Values.nats.external.credentialsSecret }}
{{- end }}
{{- else -}}
{{ include "bartizan.fullname" . }}-nats-gateway
{{- end }}
{{- end }}

{{- define "bartizan.natsEnv" -}}
{{- if or (ne .Values.nats.mode "external") (eq .Values.nats.external.auth "password") -}}
- {name: NATS_USER, valueFrom: {secretKeyRef: {name: {{ include "bartizan.natsSecret" . }}, key: username}}}
{{- end }}
{{- end }}

{{- define "bartizan.natsExternalTLS" -}}
{{- if and (eq .Values.nats.mode "external") (or (eq .Values.nats.external.tls "server") (eq .Values.nats.external.tls "mutual")) -}}
{{ required "nats.external.tls server and mutual want nats.external.tlsSecret" .Values.nats.external.tlsSecret }}
{{- end }}
{{- end }}

{{- define "bartizan.natsMounts" -}}
{{- if include "bartizan.natsSecret" . -}}
- {name: nats-credentials, mountPath: /etc/bartizan/nats, readOnly: true}
{{- end }}
{{- if include "bartizan.natsExternalTLS" . }}
- {name: nats-external-tls, mountPath: /etc/bartizan/nats-tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "bartizan.natsVolumes" -}}
{{- with include "bartizan.natsSecret" . -}}
- name: nats-credentials
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with include "bartizan.natsExternalTLS" . }}
- name: nats-external-tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- if eq .Values.nats.mode "embedded" }}
{{ include "bartizan.natsServerVolumes" . }}
{{- end }}
{{- end }}
