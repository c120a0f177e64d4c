package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bartizan/xds/webhook"
)

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestHandler(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const body = `{"ref":"refs/heads/main"}`
	github, gitlab := "X-Hub-Signature-256", "X-Gitlab-Token"
	for _, c := range []struct {
		name, method, path, header, value string
		want                              int
	}{
		{"GitHub", "POST", "/webhook", github, sign("s3cret", body), 202},
		{"GitLab", "POST", "/webhook", gitlab, "s3cret", 202},
		{"another secret", "POST", "/webhook", github, sign("other", body), 403},
		{"another body", "POST", "/webhook", github, sign("s3cret", body+" "), 403},
		{"no hexadecimal", "POST", "/webhook", github, "sha256=xyz", 403},
		{"SHA-1", "POST", "/webhook", "X-Hub-Signature", "sha1=00", 403},
		{"the signature of nothing", "POST", "/webhook", github, "sha256=", 403},
		{"another token", "POST", "/webhook", gitlab, "s3cre", 403},
		{"no token", "POST", "/webhook", gitlab, "", 403},
		{"GET", "GET", "/webhook", gitlab, "s3cret", 405},
		{"elsewhere", "POST", "/status", gitlab, "s3cret", 404},
	} {
		looks := 0
		h := webhook.Handler{SecretFile: file, Look: func() { looks++ }}
		req := httptest.NewRequest(c.method, c.path, strings.NewReader(body))
		req.Header.Set(c.header, c.value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.want || looks != map[bool]int{true: 1}[c.want == 202] || strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%s: %d %s, %d looks, want %d", c.name, w.Code, w.Body, looks, c.want)
		}
	}
	h := webhook.Handler{SecretFile: file, Look: func() { t.Error("looked") }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhook", io.LimitReader(zeros{}, 26<<20)))
	if w.Code != http.StatusBadRequest {
		t.Errorf("too much: %d", w.Code)
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Validate(); err == nil {
		t.Error("an empty secret")
	}
	req := httptest.NewRequest(http.MethodPost, "/webhook", nil)
	req.Header.Set(gitlab, "")
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, req); w.Code != http.StatusServiceUnavailable {
		t.Errorf("with an empty secret: %d", w.Code)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
