// Command gitd serves one bare repository over HTTP, as a company's Git server does: Git's own http-backend behind a password.
//
// The repository is /srv/policies.git, made at the start where it is not there. User and password are GIT_USER and GIT_PASSWORD; its
// certificate is in /tls.
package main

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"time"
)

const repository = "/srv/policies.git"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gitd:", err)
		os.Exit(1)
	}
}

func run() error {
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=main", repository},
		{"-C", repository, "config", "http.receivepack", "true"},
	} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("git %v: %w\n%s", args, err, out)
		}
	}
	backend := &cgi.Handler{
		Path: "/usr/lib/git-core/git-http-backend",
		Env:  []string{"GIT_PROJECT_ROOT=/srv", "GIT_HTTP_EXPORT_ALL=1"}, InheritEnv: []string{"PATH", "HOME"},
	}
	user, password := os.Getenv("GIT_USER"), os.Getenv("GIT_PASSWORD")
	server := &http.Server{Addr: ":8443", ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		if password == "" || subtle.ConstantTimeCompare([]byte(u+":"+p), []byte(user+":"+password)) != 1 {
			w.Header().Set("www-authenticate", `Basic realm="git"`)
			http.Error(w, "user and password", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})}
	return server.ListenAndServeTLS("/tls/tls.crt", "/tls/tls.key")
}
