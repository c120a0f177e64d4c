package fake

import (
	"fmt"
	"strings"
)

// FileContent is what every file holds that is fetched from a fake.
const FileContent = "the content of a file, FORBIDDEN words among it\n"

// stored answers for files and batches of both vendors, of which a fake keeps none: one has every id. It returns a body with its media
// type; false: there is no such path.
func stored(method, path string) (body, mediaType string, ok bool) {
	const file = `{"id":"file-fake","object":"file","type":"file","filename":"plan.txt","mime_type":"text/plain","size_bytes":5,"bytes":5,` +
		`"created_at":%s,"purpose":"user_data","status":"processed","downloadable":true}`
	const batch = `{"id":"batch-fake","object":"batch","type":"message_batch","processing_status":"in_progress","status":"validating","endpoint":"/v1/chat/completions",` +
		`"input_file_id":"file-fake","completion_window":"24h","created_at":%s,"request_counts":{"processing":1,"succeeded":0,"errored":0,"canceled":0,"expired":0}}`
	var at string
	switch collection, rest, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/"); {
	case method == "GET" && collection == "files" && strings.HasSuffix(rest, "/content"):
		return FileContent, "text/plain", true
	case collection == "files":
		at = file
	case collection == "batches", collection == "messages" && strings.HasPrefix(rest, "batches"):
		at = batch
	default:
		return "", "", false
	}
	when := fmt.Sprint(made)
	if strings.HasPrefix(path, "/v1/messages/") {
		when = `"2026-11-24T00:00:00Z","expires_at":"2026-11-25T00:00:00Z"`
	}
	return fmt.Sprintf(at, when), "application/json", true
}
