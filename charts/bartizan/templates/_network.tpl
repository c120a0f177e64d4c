{{- define "bartizan.metricsPeers" -}}
{{- with .Values.networkPolicy.metrics -}}
{{ toYaml . }}
{{- else -}}
- namespaceSelector: {}
{{- end }}
{{- end }}

{{- /* Readers of records: who is named, and the prober of `helm test`. */ -}}
{{- define "bartizan.recordPeers" -}}
- podSelector:
    matchLabels:
      {{- include "bartizan.selector" (dict "root" . "component" "test") | nindent 6 }}
{{- with .Values.networkPolicy.records }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bartizan.dnsEgress" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- /* Anywhere but to the cloud's metadata service, from which a node's credentials could be read. */ -}}
{{- define "bartizan.outsideEgress" -}}
{{- if . -}}
- ports:
    {{- range . }}
    - {port: {{ int . }}}
    {{- end }}
  to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
    - ipBlock: {cidr: "::/0", except: ["fd00:ec2::254/128", "fe80::/10"]}
{{- end }}
{{- end }}
