// Package webhook hears from a forge that there is a new commit, so that it need not be waited for until the next look.
//
// It promises that only who knows the secret is heard: by the HMAC-SHA256 of the body, as GitHub and Gitea send it (X-Hub-Signature-256),
// or by the token, as GitLab does (X-Gitlab-Token). What a forge says is not believed, nor read: it is a hint to look, and the look is at
// the repository itself. A hint that is repeated costs one more look. Its memory does not grow with what is sent.
//
// A Handler is safe for concurrent use.
package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const maxBody = 25 << 20 // what GitHub sends at most

// Handler serves POST /webhook. The secret's file is read for each request, so that a renewed one is taken up.
type Handler struct {
	SecretFile string
	Look       func() // asks for a look; it must not block
}

// Validate reports a secret that cannot be used.
func (h Handler) Validate() error {
	_, err := h.secret()
	return err
}

func (h Handler) secret() ([]byte, error) {
	raw, err := os.ReadFile(h.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("read webhook secret: %w", err)
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return nil, fmt.Errorf("read webhook secret: %s is empty", h.SecretFile)
	}
	return raw, nil
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/webhook" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("allow", http.MethodPost)
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	secret, err := h.secret()
	if err != nil {
		http.Error(w, "the webhook's secret cannot be read", http.StatusServiceUnavailable)
		return
	}
	switch err := verify(r, secret, http.MaxBytesReader(w, r.Body, maxBody)); {
	case errors.Is(err, errStranger):
		http.Error(w, err.Error(), http.StatusForbidden)
	case err != nil:
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
	default:
		h.Look()
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "looking")
	}
}

var errStranger = errors.New("want X-Hub-Signature-256 or X-Gitlab-Token, made with the secret of this webhook")

// verify reads the body to its end, so that the connection can be used again.
func verify(r *http.Request, secret []byte, body io.Reader) error {
	mac := hmac.New(sha256.New, secret)
	if _, err := io.Copy(mac, body); err != nil {
		return err
	}
	if signature, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256="); ok {
		sent, err := hex.DecodeString(signature)
		if err == nil && hmac.Equal(sent, mac.Sum(nil)) {
			return nil
		}
		return errStranger
	}
	if token := r.Header.Get("X-Gitlab-Token"); subtle.ConstantTimeCompare([]byte(token), secret) == 1 {
		return nil
	}
	return errStranger
}
