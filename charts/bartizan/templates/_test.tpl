{{- /* Policies that lead to the upstream of `helm test`. With Git, the repository must have them. */ -}}
{{- define "bartizan.testDocuments" -}}
apiVersion: bartizan/v1
kind: Provider
metadata: {name: bartizan-test}
spec:
  dialect: anthropic
  url: http://{{ include "bartizan.fullname" . }}-test:8081
  operations: [messages]
  credential: {secret: bartizan-test}
---
apiVersion: bartizan/v1
kind: McpServer
metadata: {name: bartizan-test}
spec:
  url: http://{{ include "bartizan.fullname" . }}-test:8082/mcp
  credential: {secret: bartizan-test}
  tools:
    - name: query_sales
      annotations: {readOnlyHint: true}
{{- end }}
