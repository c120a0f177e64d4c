package status

import (
	"encoding/json"
	"io"
	"net/http"
)

// Handler serves /status (JSON), /healthz (the process answers) and /readyz (a commit is in force). It carries no
// authentication: serve it on a Unix socket or on loopback. get is called for each request, concurrently.
func Handler(get func() Status) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(get()) // an error here is the client's leaving
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if get().Live == nil {
			http.Error(w, "no commit is in force yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}
