package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// FileContent is what every file holds that is fetched from a fake.
const FileContent = "the content of a file, FORBIDDEN words among it\n"

// kept is what a vendor keeps, of which a fake keeps nothing: of everything there is one, under every id. It holds an answer for each
// pattern of http.ServeMux, in which {id} stands for the id.
type kept map[string]string

// serve answers a request about what is kept; false: it is none.
func (k kept) serve(w http.ResponseWriter, r *http.Request) bool {
	var paths http.ServeMux
	for pattern, body := range k {
		paths.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			mediaType := "application/json"
			switch {
			case strings.HasPrefix(body, "event: "):
				mediaType = overSSE{}.mediaType()
			case body[0] != '{':
				mediaType = "application/octet-stream"
			}
			w.Header().Set("Content-Type", mediaType)
			io.WriteString(w, strings.ReplaceAll(body, "{id}", r.PathValue("id")))
		})
	}
	if _, pattern := paths.Handler(r); pattern == "" {
		return false
	}
	paths.ServeHTTP(w, r)
	return true
}

// collection adds what is made and listed at path, and what is said when it is deleted, if it can be.
func (k kept) collection(path, one, deleted string) kept {
	k["POST "+path] = strings.ReplaceAll(one, "{id}", "made")
	k["GET "+path] = `{"object":"list","data":[` + strings.ReplaceAll(one, "{id}", "made") + `],"has_more":false,"next_page":null}`
	k["GET "+path+"/{id}"] = one
	if deleted != "" {
		k["DELETE "+path+"/{id}"] = deleted
	}
	return k
}

// store answers for files, skills, batches and deployments: https://docs.anthropic.com/en/api.
func (anthropic) store(w http.ResponseWriter, r *http.Request, _ []byte) bool {
	const when = `"created_at":"2026-11-24T00:00:00Z","updated_at":"2026-11-24T00:00:00Z","expires_at":"2026-11-25T00:00:00Z"`
	const batch = `{"id":"{id}","type":"message_batch","processing_status":"in_progress",` + when +
		`,"request_counts":{"processing":1,"succeeded":0,"errored":0,"canceled":0,"expired":0}}`
	const deployment = `{"id":"{id}","type":"deployment","name":"report","status":"active",` + when + `}`
	return kept{
		"POST /v1/deployments/{id}":                    deployment,
		"POST /v1/deployments/{id}/pause":              deployment,
		"POST /v1/deployments/{id}/run":                `{"id":"run_1","type":"deployment_run","deployment_id":"{id}",` + when + `}`,
		"GET /v1/files/{id}/content":                   FileContent,
		"GET /v1/skills/{skill}/versions/{id}/content": "PK\x03\x04 " + FileContent,
		"POST /v1/messages/batches/{id}/cancel":        batch,
	}.collection("/v1/files",
		`{"id":"{id}","type":"file","filename":"plan.txt","mime_type":"text/plain","size_bytes":5,"downloadable":true,`+when+`}`,
		`{"id":"{id}","type":"file_deleted"}`,
	).collection("/v1/skills",
		`{"id":"{id}","type":"skill","display_name":"Sums","latest_version_id":"1","source":{"type":"custom"},`+when+`}`,
		`{"id":"{id}","type":"skill_deleted"}`,
	).collection("/v1/skills/{skill}/versions",
		`{"id":"{id}","type":"skill_version","name":"sums","description":"Adds numbers up.","skill_id":"skill_1",`+when+`}`,
		`{"id":"{id}","type":"skill_version_deleted"}`,
	).collection("/v1/messages/batches", batch, `{"id":"{id}","type":"message_batch_deleted"}`).
		collection("/v1/deployments", deployment, "").serve(w, r)
}

// store answers for files, uploads, batches and responses: https://platform.openai.com/docs/api-reference. What a response says and calls, and what
// was asked, names its id.
func (openAI) store(w http.ResponseWriter, r *http.Request, _ []byte) bool {
	when := `"created_at":` + strconv.Itoa(made) + `,"expires_at":` + strconv.Itoa(made+3600)
	file := `{"id":"{id}","object":"file","filename":"plan.txt","bytes":5,"purpose":"user_data","status":"processed",` + when + `}`
	upload := func(status, file string) string {
		return `{"id":"{id}","object":"upload","filename":"plan.txt","bytes":5,"purpose":"user_data","status":"` + status + `","file":` + file + `,` + when + `}`
	}
	batch := `{"id":"{id}","object":"batch","status":"validating","endpoint":"/v1/chat/completions","input_file_id":"file-1","completion_window":"24h",` + when + `}`
	said := answer{id: "{id}", model: "gpt-5.5", pieces: []string{"Of {id}."}, tools: []ToolUse{{ID: "1", Name: "use_{id}", Input: json.RawMessage(`{"n":1}`)}}, fragment: 3}
	said.usage = said.estimate(400)
	response := func(status string) string {
		return responses{}.response(said, status, responses{}.items(said), responses{}.usage(said))
	}
	retrieved := response("completed")
	if r.URL.Query().Get("stream") == "true" {
		retrieved = strings.Join(responses{}.events(said, false), "")
	}
	return kept{
		"GET /v1/files/{id}/content":      FileContent,
		"POST /v1/uploads":                strings.ReplaceAll(upload("pending", "null"), "{id}", "made"),
		"POST /v1/uploads/{upload}/parts": `{"id":"part_1","object":"upload.part","upload_id":"upload_1",` + when + `}`,
		"POST /v1/uploads/{id}/complete":  upload("completed", file),
		"POST /v1/uploads/{id}/cancel":    upload("cancelled", "null"),
		"POST /v1/batches/{id}/cancel":    batch,
		"GET /v1/responses/{id}":          retrieved,
		"GET /v1/responses/{id}/input_items": `{"object":"list","data":[{"type":"message","id":"msg_{id}","status":"completed","role":"user",` +
			`"content":[{"type":"input_text","text":"About {id}?"}]}],"has_more":false,"first_id":"msg_{id}","last_id":"msg_{id}"}`,
		"POST /v1/responses/{id}/cancel": response("cancelled"),
		"DELETE /v1/responses/{id}":      `{"id":"{id}","object":"response","deleted":true}`,
	}.collection("/v1/files", file, `{"id":"{id}","object":"file","deleted":true}`).
		collection("/v1/batches", batch, "").serve(w, r)
}
