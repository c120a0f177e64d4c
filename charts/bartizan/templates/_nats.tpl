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

{{- /*
How a program reaches NATS as a user of the chart's, or as the one user there is of an external one: (dict "root" $ "user" "reader").
Arguments, environment, mounts and volumes belong together.
*/ -}}
{{- define "bartizan.natsArgs" -}}
{{- $external := .root.Values.nats.external -}}
{{- $own := ne .root.Values.nats.mode "external" -}}
{{- $beside := and (eq .root.Values.nats.mode "embedded") (eq .user "gateway") -}}
{{- $url := ternary "tls://localhost:4222" (printf "tls://%s-nats:4222" (include "bartizan.fullname" .root)) $beside -}}
- --nats-url={{ ternary $url $external.url $own }}
{{- if or $own (eq $external.auth "password") }}
- --nats-user=$(NATS_USER)
- --nats-password-file=/etc/bartizan/nats/password
{{- else if eq $external.auth "creds" }}
- --nats-creds=/etc/bartizan/nats/nats.creds
{{- end }}
{{- if or $own (eq $external.tls "server") (eq $external.tls "mutual") }}
- --nats-tls-ca=/etc/bartizan/nats-tls/ca.crt
{{- end }}
{{- if and (not $own) (eq $external.tls "mutual") }}
- --nats-tls-cert=/etc/bartizan/nats-tls/tls.crt
- --nats-tls-key=/etc/bartizan/nats-tls/tls.key
{{- end }}
{{- end }}

{{- define "bartizan.natsEnv" -}}
{{- if or (ne .root.Values.nats.mode "external") (eq .root.Values.nats.external.auth "password") -}}
- {name: NATS_USER, valueFrom: {secretKeyRef: {name: {{ include "bartizan.natsSecret" . }}, key: username}}}
{{- end }}
{{- end }}

{{- define "bartizan.natsMounts" -}}
{{- with include "bartizan.natsSecret" . -}}
- {name: nats-user, mountPath: /etc/bartizan/nats, readOnly: true}
{{- end }}
{{- with include "bartizan.natsClientTLS" . }}
- {name: nats-client-tls, mountPath: /etc/bartizan/nats-tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "bartizan.natsVolumes" -}}
{{- with include "bartizan.natsSecret" . -}}
- name: nats-user
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with include "bartizan.natsClientTLS" . }}
- name: nats-client-tls
  secret: {{ . }}
{{- end }}
{{- end }}

{{- define "bartizan.natsSecret" -}}
{{- $external := .root.Values.nats.external -}}
{{- if ne .root.Values.nats.mode "external" -}}
{{ include "bartizan.fullname" .root }}-nats-{{ .user }}
{{- else if ne $external.auth "none" -}}
{{ required "nats.external.auth wants nats.external.credentialsSecret" $external.credentialsSecret }}
{{- end }}
{{- end }}

{{- /* What the certificate of NATS is checked against, and for "mutual" our own: a Secret's part of a volume. */ -}}
{{- define "bartizan.natsClientTLS" -}}
{{- $external := .root.Values.nats.external -}}
{{- if ne .root.Values.nats.mode "external" -}}
{secretName: {{ include "bartizan.tlsSecret" (dict "root" .root "role" "nats") }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- else if or (eq $external.tls "server") (eq $external.tls "mutual") -}}
{secretName: {{ required "nats.external.tls server and mutual want nats.external.tlsSecret" $external.tlsSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "bartizan.natsConfig" -}}
server_name: $POD_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
max_payload: 1MB
max_connections: 1000
jetstream {
  store_dir: /data
  sync_interval: always
  max_memory_store: 16MB
  max_file_store: {{ .Values.nats.storage.size }}
}
tls {
  cert_file: /etc/bartizan/mtls/tls.crt
  key_file: /etc/bartizan/mtls/tls.key
  min_version: "1.3"
}
include "../nats-users/users.conf"
{{- if eq .Values.nats.mode "cluster" }}
cluster {
  name: {{ include "bartizan.fullname" . }}
  listen: "0.0.0.0:6222"
  no_advertise: true
  tls {
    cert_file: /etc/bartizan/mtls/tls.crt
    key_file: /etc/bartizan/mtls/tls.key
    ca_file: /etc/bartizan/mtls/ca.crt
    verify: true
    min_version: "1.3"
  }
  include "../nats-users/routes.conf"
}
{{- end }}
{{- end }}
