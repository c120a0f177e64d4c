package xds

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"bartizan/xds/snapshot"
	"bartizan/xds/source"
)

// Repository says where the policies are.
type Repository struct {
	Location string        // a Git repository (path or URL, bare or not) or a plain folder
	Branch   string        // Git; empty: the branch that HEAD names
	Path     string        // folder of the policies within the repository
	Poll     time.Duration // 0: the source's default
	Watch    bool          // follow the files as they are, committed or not
	Log      *slog.Logger  // nil: silent
}

func (r Repository) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

// open chooses between Git and a folder: a commit is what counts where there can be one, unless Watch asks for the files.
func (r Repository) open() (*source.Source, error) {
	if !r.Watch && r.isGit() {
		return source.NewGit(source.Git{URL: r.Location, Branch: r.Branch, Path: r.Path, Poll: r.Poll, Logger: r.Log})
	}
	if r.Branch != "" {
		return nil, fmt.Errorf("%s is followed as a plain folder: it has no branch %s", r.Location, r.Branch)
	}
	if _, err := os.Stat(r.Location); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no policy repository at %s: make one with `bartizan init %s`", r.Location, r.Location)
	}
	return source.NewDirectory(source.Directory{Path: filepath.Join(r.Location, filepath.FromSlash(r.Path)), Poll: r.Poll, Logger: r.Log})
}

func (r Repository) isGit() bool {
	if strings.Contains(r.Location, "://") {
		return true
	}
	for _, mark := range []string{".git", "HEAD"} { // a work tree, a bare repository
		if _, err := os.Stat(filepath.Join(r.Location, mark)); err == nil {
			return true
		}
	}
	return false
}

// Options are the facts about the machine that Envoy's resources name.
type Options = snapshot.Options

// SystemCAFile is where this machine keeps the certificates it trusts; empty where that is not known.
func SystemCAFile() string {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func loaded(snap *snapshot.Snapshot) *Loaded {
	l := &Loaded{Commit: snap.Commit, Listeners: len(snap.Envoy.Listeners), policies: len(snap.Bundle.GetPolicies())}
	for _, m := range snap.Envoy.Secrets {
		if s, ok := m.(*tlsv3.Secret); ok {
			l.secrets = append(l.secrets, s.GetName())
		}
	}
	for _, r := range snap.Bundle.GetRoutes() {
		path := "/" + r.GetTarget()
		if r.GetSurface() == "mcp" {
			path = "/mcp/" + r.GetTarget()
		}
		if p := (Path{Name: r.GetTarget(), Path: path}); !slices.Contains(l.Paths, p) {
			l.Paths = append(l.Paths, p)
		}
	}
	return l
}

// Summary counts what the repository holds.
func (l *Loaded) Summary() string {
	return fmt.Sprintf("%d listener(s), %d provider(s) and MCP server(s), %d polic(ies), %d secret(s)", l.Listeners, len(l.Paths), l.policies, len(l.secrets))
}

// WriteSecrets fills the secrets folder from the environment: the secret "anthropic-api-key" from ANTHROPIC_API_KEY. A file that
// is there already stays where the variable is not set. It returns what is still missing.
func (l *Loaded) WriteSecrets(dir string, lookup func(string) (string, bool)) ([]Secret, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make secrets folder: %w", err)
	}
	var missing []Secret
	for _, name := range l.secrets {
		variable := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		path := filepath.Join(dir, name)
		if value, ok := lookup(variable); ok && value != "" {
			if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
				return nil, fmt.Errorf("write secret %s: %w", name, err)
			}
			continue
		}
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, Secret{Name: name, Variable: variable})
		}
	}
	return missing, nil
}
