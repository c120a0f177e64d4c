package fake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// geminiFiles keeps what is uploaded: https://ai.google.dev/api/files. An upload is begun by metadata, and the answer names the address of this
// server that takes the bytes.
type geminiFiles struct {
	mu     sync.Mutex
	serial int
	begun  map[string]*geminiFile // by upload_id
	kept   []*geminiFile
}

type geminiFile struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
	MIMEType    string `json:"mimeType"`
	Size        string `json:"sizeBytes"`
	Created     string `json:"createTime"`
	Updated     string `json:"updateTime"`
	Hash        string `json:"sha256Hash"`
	URI         string `json:"uri"`
	State       string `json:"state"`
	Source      string `json:"source"`

	content []byte
}

// serve answers a request about files, as JSON or with nothing; false: it is none.
func (s *geminiFiles) serve(w http.ResponseWriter, r *http.Request, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	version, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/upload"), "/"), "/")
	i := slices.IndexFunc(s.kept, func(f *geminiFile) bool { return f.Name == rest })
	switch uploads := strings.HasPrefix(r.URL.Path, "/upload/"); {
	case uploads && rest == "files" && r.Method == http.MethodPost:
		return s.upload(w, r, body)
	case !uploads && rest == "files" && r.Method == http.MethodGet:
		return writeJSON(w, struct {
			Files []*geminiFile `json:"files,omitempty"`
		}{s.kept})
	case uploads || i < 0 || version == "":
		return false
	case r.Method == http.MethodDelete:
		s.kept = slices.Delete(s.kept, i, i+1)
		return writeJSON(w, struct{}{})
	}
	return r.Method == http.MethodGet && writeJSON(w, s.kept[i])
}

// upload does a command of the protocol resumable.
func (s *geminiFiles) upload(w http.ResponseWriter, r *http.Request, body []byte) bool {
	command := r.Header.Get("X-Goog-Upload-Command")
	id := r.URL.Query().Get("upload_id")
	if command == "start" && id == "" && r.Header.Get("X-Goog-Upload-Protocol") == "resumable" {
		return s.start(w, r, body)
	}
	f, offset := s.begun[id], r.Header.Get("X-Goog-Upload-Offset")
	if f == nil || strings.Contains(command, "upload") && offset != strconv.Itoa(len(f.content)) {
		return false
	}
	f.content = append(f.content, body...)
	w.Header().Set("X-Goog-Upload-Size-Received", strconv.Itoa(len(f.content)))
	w.Header().Set("X-Goog-Upload-Status", "active")
	if !strings.Contains(command, "finalize") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return true
	}
	w.Header().Set("X-Goog-Upload-Status", "final")
	sum := sha256.Sum256(f.content)
	f.Size, f.Hash = strconv.Itoa(len(f.content)), base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
	delete(s.begun, id)
	s.kept = append(s.kept, f)
	return writeJSON(w, map[string]any{"file": f})
}

func (s *geminiFiles) start(w http.ResponseWriter, r *http.Request, body []byte) bool {
	var asked struct {
		File geminiFile `json:"file"`
	}
	if json.Unmarshal(body, &asked) != nil {
		return false
	}
	s.serial++
	const when = "2026-11-24T00:00:00Z"
	f := &geminiFile{
		Name: fmt.Sprintf("files/fake-%d", s.serial), DisplayName: asked.File.DisplayName, MIMEType: r.Header.Get("X-Goog-Upload-Header-Content-Type"),
		Created: when, Updated: when, State: "ACTIVE", Source: "UPLOADED",
	}
	f.URI = "https://generativelanguage.googleapis.com/v1beta/" + f.Name
	id := fmt.Sprintf("AHfake_%d", s.serial)
	s.begun[id] = f
	address := "http://" + r.Host + r.URL.Path + "?upload_id=" + id + "&upload_protocol=resumable"
	w.Header().Set("X-Goog-Upload-Url", address)
	w.Header().Set("X-Goog-Upload-Control-Url", address)
	w.Header().Set("X-Goog-Upload-Chunk-Granularity", strconv.Itoa(256<<10))
	w.Header().Set("X-Goog-Upload-Status", "active")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return true
}

func writeJSON(w http.ResponseWriter, v any) bool {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	out, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(out)
	}
	return err == nil
}
