package llm

import (
	"regexp"
	"strings"

	"bartizan/filters/llm/bedrock"
)

// wildcard ends a pattern for all operations of a group.
const wildcard = ".*"

// anthropicOperations are those of https://docs.anthropic.com/en/api.
func anthropicOperations() []Operation {
	return []Operation{
		{Name: "messages", Method: "POST", Path: "/v1/messages"},
		{Name: "messages.count_tokens", Method: "POST", Path: "/v1/messages/count_tokens"},
		{Name: "messages.batches.create", Method: "POST", Path: "/v1/messages/batches"},
		{Name: "messages.batches.list", Method: "GET", Path: "/v1/messages/batches"},
		{Name: "messages.batches.retrieve", Method: "GET", Path: "/v1/messages/batches/{batch}"},
		{Name: "messages.batches.delete", Method: "DELETE", Path: "/v1/messages/batches/{batch}"},
		{Name: "messages.batches.cancel", Method: "POST", Path: "/v1/messages/batches/{batch}/cancel"},
		{Name: "messages.batches.results", Method: "GET", Path: "/v1/messages/batches/{batch}/results"},
		{Name: "files.create", Method: "POST", Path: "/v1/files"},
		{Name: "files.list", Method: "GET", Path: "/v1/files"},
		{Name: "files.retrieve", Method: "GET", Path: "/v1/files/{file}"},
		{Name: "files.content", Method: "GET", Path: "/v1/files/{file}/content"},
		{Name: "files.delete", Method: "DELETE", Path: "/v1/files/{file}"},
		{Name: "skills.create", Method: "POST", Path: "/v1/skills"},
		{Name: "skills.list", Method: "GET", Path: "/v1/skills"},
		{Name: "skills.retrieve", Method: "GET", Path: "/v1/skills/{skill}"},
		{Name: "skills.delete", Method: "DELETE", Path: "/v1/skills/{skill}"},
		{Name: "skills.versions.create", Method: "POST", Path: "/v1/skills/{skill}/versions"},
		{Name: "skills.versions.list", Method: "GET", Path: "/v1/skills/{skill}/versions"},
		{Name: "skills.versions.retrieve", Method: "GET", Path: "/v1/skills/{skill}/versions/{version}"},
		{Name: "skills.versions.content", Method: "GET", Path: "/v1/skills/{skill}/versions/{version}/content"},
		{Name: "skills.versions.delete", Method: "DELETE", Path: "/v1/skills/{skill}/versions/{version}"},
		{Name: "deployments.create", Method: "POST", Path: "/v1/deployments"},
		{Name: "deployments.list", Method: "GET", Path: "/v1/deployments"},
		{Name: "deployments.retrieve", Method: "GET", Path: "/v1/deployments/{deployment}"},
		{Name: "deployments.update", Method: "POST", Path: "/v1/deployments/{deployment}"},
		{Name: "deployments.archive", Method: "POST", Path: "/v1/deployments/{deployment}/archive"},
		{Name: "deployments.run", Method: "POST", Path: "/v1/deployments/{deployment}/run"},
		{Name: "deployments.pause", Method: "POST", Path: "/v1/deployments/{deployment}/pause"},
		{Name: "deployments.unpause", Method: "POST", Path: "/v1/deployments/{deployment}/unpause"},
		{Name: "models.list", Method: "GET", Path: "/v1/models"},
		{Name: "models.retrieve", Method: "GET", Path: "/v1/models/{model}"},
	}
}

// openAIOperations are those of https://platform.openai.com/docs/api-reference.
func openAIOperations() []Operation {
	return []Operation{
		{Name: "chat.completions", Method: "POST", Path: "/v1/chat/completions"},
		{Name: "responses", Method: "POST", Path: "/v1/responses"},
		{Name: "responses.input_tokens", Method: "POST", Path: "/v1/responses/input_tokens"},
		{Name: "responses.compact", Method: "POST", Path: "/v1/responses/compact"},
		{Name: "embeddings", Method: "POST", Path: "/v1/embeddings"},
		{Name: "responses.retrieve", Method: "GET", Path: "/v1/responses/{response}"},
		{Name: "responses.input_items", Method: "GET", Path: "/v1/responses/{response}/input_items"},
		{Name: "responses.cancel", Method: "POST", Path: "/v1/responses/{response}/cancel"},
		{Name: "responses.delete", Method: "DELETE", Path: "/v1/responses/{response}"},
		{Name: "files.create", Method: "POST", Path: "/v1/files"},
		{Name: "files.list", Method: "GET", Path: "/v1/files"},
		{Name: "files.retrieve", Method: "GET", Path: "/v1/files/{file}"},
		{Name: "files.content", Method: "GET", Path: "/v1/files/{file}/content"},
		{Name: "files.delete", Method: "DELETE", Path: "/v1/files/{file}"},
		{Name: "uploads.create", Method: "POST", Path: "/v1/uploads"},
		{Name: "uploads.parts", Method: "POST", Path: "/v1/uploads/{upload}/parts"},
		{Name: "uploads.complete", Method: "POST", Path: "/v1/uploads/{upload}/complete"},
		{Name: "uploads.cancel", Method: "POST", Path: "/v1/uploads/{upload}/cancel"},
		{Name: "batches.create", Method: "POST", Path: "/v1/batches"},
		{Name: "batches.list", Method: "GET", Path: "/v1/batches"},
		{Name: "batches.retrieve", Method: "GET", Path: "/v1/batches/{batch}"},
		{Name: "batches.cancel", Method: "POST", Path: "/v1/batches/{batch}/cancel"},
		{Name: "models.list", Method: "GET", Path: "/v1/models"},
		{Name: "models.retrieve", Method: "GET", Path: "/v1/models/{model}"},
	}
}

// bedrockOperations are named as in their paths. A model may be an ARN, in which slashes are.
func bedrockOperations() (operations []Operation) {
	for _, name := range []string{bedrock.Converse, bedrock.ConverseStream, bedrock.Invoke, bedrock.InvokeStream, bedrock.CountTokens} {
		operations = append(operations, Operation{Name: name, Method: "POST", Path: "/model/{+model}/" + name})
	}
	return operations
}

// geminiOperations are those of https://ai.google.dev/api: the methods of a model, which are named as in their paths, and what can be done with
// files. An upload is begun by one request, and its answer says to which address the bytes go.
func geminiOperations() (operations []Operation) {
	for _, name := range []string{"generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents", "batchGenerateContent"} {
		operations = append(operations, Operation{Name: name, Method: "POST", Path: "/{v1|v1beta|v1alpha}/models/{model}:" + name})
	}
	return append(operations,
		Operation{Name: "files.create", Method: "POST", Path: "/upload/{v1|v1beta|v1alpha}/files"},
		Operation{Name: "files.list", Method: "GET", Path: "/{v1|v1beta|v1alpha}/files"},
		Operation{Name: "files.retrieve", Method: "GET", Path: "/{v1|v1beta|v1alpha}/files/{file}"},
		Operation{Name: "files.delete", Method: "DELETE", Path: "/{v1|v1beta|v1alpha}/files/{file}"},
		Operation{Name: "models.list", Method: "GET", Path: "/{v1|v1beta|v1alpha}/models"},
		Operation{Name: "models.retrieve", Method: "GET", Path: "/{v1|v1beta|v1alpha}/models/{model}"},
	)
}

// Match returns the operations that a pattern names: one by its name, or those of a group, as in files.*; none where it names nothing.
func (d Dialect) Match(pattern string) (found []Operation) {
	group, all := strings.CutSuffix(pattern, wildcard)
	for _, o := range d.Operations {
		if all && strings.HasPrefix(o.Name, group+".") || o.Name == pattern {
			found = append(found, o)
		}
	}
	return found
}

// At returns the operation of a method and a path below the provider's base URL.
func (d Dialect) At(method, path string) (Operation, bool) {
	for _, o := range d.Operations {
		if o.Method == method && regexp.MustCompile("^(?:"+PathPattern(o.Path)+")$").MatchString(path) {
			return o, true
		}
	}
	return Operation{}, false
}

// Groups are the patterns of all groups.
func (d Dialect) Groups() []string {
	var groups []string
	seen := map[string]bool{}
	for _, o := range d.Operations {
		for at, c := range o.Name {
			if group := o.Name[:at] + wildcard; c == '.' && !seen[group] {
				seen[group] = true
				groups = append(groups, group)
			}
		}
	}
	return groups
}

var variables = regexp.MustCompile(`\{[^{}]*\}`)

// What a variable of a path matches. An upstream may take an escaped slash for one, and then the path for another.
const (
	anySegment   = `[^/]+`
	plainSegment = `(?:[^/\\%]|%(?:[013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Ea-e]|5[0-9ABD-Fabd-f]))+` // neither %2F nor %5C
)

// PathPattern is a regular expression in RE2, without anchors, of the paths that an Operation.Path stands for.
func PathPattern(path string) string {
	var b strings.Builder
	at := 0
	for _, v := range variables.FindAllStringIndex(path, -1) {
		b.WriteString(regexp.QuoteMeta(path[at:v[0]]))
		switch name := path[v[0]+1 : v[1]-1]; {
		case strings.Contains(name, "|"):
			b.WriteString("(?:" + name + ")")
		case strings.HasPrefix(name, "+"):
			b.WriteString(anySegment)
		default:
			b.WriteString(plainSegment)
		}
		at = v[1]
	}
	b.WriteString(regexp.QuoteMeta(path[at:]))
	return b.String()
}
