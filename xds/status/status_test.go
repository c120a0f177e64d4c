package status

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	hash1 = "1111111111111111111111111111111111111111"
	hash2 = "2222222222222222222222222222222222222222"
)

// samples are the states that a person meets; each has a golden file.
func samples() map[string]Status {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	live := &Commit{Commit: hash1, Version: "aaaa", Since: ago(3 * time.Hour), Nodes: 2}
	source := &Source{Name: "https://git.example.com/policies.git", Commit: hash1, LastSuccess: ago(3 * time.Second)}
	fleet := []Node{
		{ID: "envoy/edge-0", Class: "envoy", Connected: ago(49 * time.Hour), Live: true, Types: []Type{
			{Name: "cluster", Version: strings.Repeat("c", 64), Live: true}, {Name: "listener", Version: strings.Repeat("d", 64), Live: true},
		}},
		{ID: "extproc/edge-0", Class: "extproc", Connected: ago(5 * time.Minute), Live: true, Types: []Type{
			{Name: "bundle", Version: strings.Repeat("b", 64), Live: true},
		}},
	}
	refused := append([]Node{}, fleet...)
	refused[0].Live, refused[0].Types = false, []Type{{Name: "listener", Nack: &Nack{
		Version: strings.Repeat("e", 64), Detail: "cannot bind\n\x1b[31m0.0.0.0:443", Time: ago(time.Minute),
	}}}
	return map[string]Status{
		"starting": {Time: now, Source: &Source{Name: "/policies", Error: "open policy folder: no such file", FailedSince: ago(time.Minute)}},
		"live":     {Time: now, Live: live, Rollout: &Rollout{Commit: hash1, State: Done}, Nodes: fleet, Source: source},
		"stopped": {Time: now, Live: live, Nodes: fleet, Source: source, Rollout: &Rollout{
			Commit: hash2, State: Stopped, Reason: "extproc/edge-0 refused the bundle: a.yaml:1:2: no", Ended: ago(time.Second),
		}},
		"rejected": {Time: now, Live: live, Nodes: fleet, Rejected: &Rejection{
			Commit: "dir-0123456789ab", Time: ago(time.Second), Errors: []string{"a.yaml:1:2: no such field", "b.yaml:3:4: undeclared reference"},
		}},
		"refused": {Time: now, Live: live, Rollout: &Rollout{Commit: hash1, State: WaitingForEnvoy, Reason: "x", Nodes: 1}, Nodes: refused},
	}
}

func TestWriteText(t *testing.T) {
	claimed := map[string]bool{}
	for name, s := range samples() {
		path := filepath.Join("testdata", name+".txt")
		claimed[path] = true
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := WriteText(&b, s); err != nil {
				t.Fatal(err)
			}
			if os.Getenv("UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Error(d)
			}
		})
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !claimed[f] {
			t.Errorf("%s belongs to no test", f)
		}
	}
}

func TestWriteTextReportsError(t *testing.T) {
	if err := WriteText(broken{}, Status{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, net.ErrClosed }

func TestFetch(t *testing.T) {
	want := samples()["refused"]
	socket := filepath.Join(t.TempDir(), "status.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: Handler(func() Status { return want })}}
	server.Start()
	got, err := Fetch(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	server.Close()
	if _, err := Fetch(t.Context(), socket); err == nil || !strings.Contains(err.Error(), socket) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestHandler(t *testing.T) {
	all := samples()
	tests := []struct {
		path, state string
		code        int
	}{
		{"/healthz", "starting", 200},
		{"/readyz", "starting", 503},
		{"/readyz", "live", 200},
		{"/readyz", "rejected", 200},
		{"/status", "live", 200},
		{"/", "live", 404},
	}
	for _, tc := range tests {
		w := httptest.NewRecorder()
		Handler(func() Status { return all[tc.state] }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tc.path, nil))
		if w.Code != tc.code {
			t.Errorf("%s when %s: %d, want %d", tc.path, tc.state, w.Code, tc.code)
		}
	}
}
