package xds

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"bartizan/filters"
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

	Credentials string // folder with who we are to a remote repository, see source.Git; empty: nobody
	Keys        string // folder of further virtual keys, documents of kind VirtualKeys; empty: none
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
		return source.NewGit(source.Git{URL: r.Location, Branch: r.Branch, Path: r.Path, Poll: r.Poll, Credentials: r.Credentials, Logger: r.Log})
	}
	if r.Branch != "" {
		return nil, fmt.Errorf("%s is followed as a plain folder: it has no branch %s", r.Location, r.Branch)
	}
	if r.Location == "" {
		return nil, errors.New("no policy repository is named")
	}
	if _, err := os.Stat(r.Location); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no policy repository at %s: make one with `bartizan init %s`", r.Location, r.Location)
	}
	return source.NewDirectory(source.Directory{Path: filepath.Join(r.Location, filepath.FromSlash(r.Path)), Poll: r.Poll, Logger: r.Log})
}

// openKeys returns the folder of keys; nil where none is named. It may be empty.
func (r Repository) openKeys() (*source.Source, error) {
	if r.Keys == "" {
		return nil, nil
	}
	if info, err := os.Stat(r.Keys); err != nil {
		return nil, fmt.Errorf("folder of keys: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("folder of keys: %s is not a folder", r.Keys)
	}
	return source.NewDirectory(source.Directory{Path: r.Keys, Poll: r.Poll, Optional: true, Logger: r.Log})
}

// named gives files the path by which a person knows them.
func (r Repository) named(keys source.Tree) map[string][]byte {
	files := make(map[string][]byte, len(keys.Files))
	for name, content := range keys.Files {
		files[filepath.Join(r.Keys, filepath.FromSlash(name))] = content
	}
	return files
}

func (r Repository) isGit() bool {
	if strings.Contains(r.Location, "://") || scpLike.MatchString(r.Location) {
		return true
	}
	return r.HasFiles() || exists(filepath.Join(r.Location, "HEAD")) // the latter is a bare repository
}

// scpLike is what ssh users write: user@host:path.
var scpLike = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// HasFiles tells whether this is a Git repository with a work tree on this machine, in which people edit.
func (r Repository) HasFiles() bool { return exists(filepath.Join(r.Location, ".git")) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Options are the facts about the machine that Envoy's resources name.
type Options = snapshot.Options

// SystemCAFile is where this machine keeps the certificates it trusts; empty where that is not known.
func SystemCAFile() string {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if exists(path) {
			return path
		}
	}
	return ""
}

func loaded(snap *snapshot.Snapshot) *Loaded {
	l := &Loaded{
		Commit: snap.Commit, Warnings: snap.Warnings, policies: len(snap.Bundle.GetPolicies()),
		access: len(snap.Bundle.GetToolAccess()), models: len(snap.Bundle.GetModelAccess()), pins: len(snap.Bundle.GetMcpPins()),
	}
	for _, m := range snap.Envoy.Listeners {
		if listener, ok := m.(*listenerv3.Listener); ok {
			at := listener.GetAddress().GetSocketAddress()
			if at == nil { // the aggregator's, for nobody else
				continue
			}
			l.Listeners = append(l.Listeners, Listener{
				Name: listener.GetName(), Address: net.JoinHostPort(at.GetAddress(), strconv.Itoa(int(at.GetPortValue()))),
				TLS: listener.GetFilterChains()[0].GetTransportSocket() != nil,
			})
		}
	}
	for _, m := range snap.Envoy.Secrets {
		if s, ok := m.(*tlsv3.Secret); ok && s.GetTlsCertificate() != nil {
			l.certificates = append(l.certificates, path.Dir(s.GetTlsCertificate().GetCertificateChain().GetFilename()))
		} else if ok {
			l.secrets = append(l.secrets, path.Base(s.GetGenericSecret().GetSecret().GetFilename()))
		}
	}
	for _, r := range snap.Bundle.GetRoutes() {
		t := Target{Name: r.GetTarget(), Kind: r.GetDialect(), Path: "/" + r.GetTarget()}
		if r.GetSurface() == string(filters.SurfaceMCP) {
			t.Kind, t.Path = r.GetSurface(), "/mcp/"+r.GetTarget()
			if l.aggregate = l.aggregate || r.GetAggregate(); r.GetAggregate() {
				continue
			}
		}
		if !slices.Contains(l.Targets, t) {
			l.Targets = append(l.Targets, t)
		}
	}
	return l
}

// Summary counts what the repository holds.
func (l *Loaded) Summary() string {
	servers := l.servers()
	parts := []string{
		count(len(l.Listeners), "listener", "listeners"), count(len(l.Targets)-servers, "provider", "providers"),
		count(servers, "MCP server", "MCP servers"), count(l.policies, "policy", "policies"),
	}
	if l.access > 0 {
		parts = append(parts, count(l.access, "tool access", "tool accesses"))
	}
	if l.models > 0 {
		parts = append(parts, count(l.models, "model access", "model accesses"))
	}
	if l.pins > 0 {
		parts = append(parts, count(l.pins, "server pinned", "servers pinned"))
	}
	return strings.Join(append(parts, count(len(l.secrets), "secret", "secrets")), ", ")
}

// servers counts the MCP servers.
func (l *Loaded) servers() int {
	n := 0
	for _, t := range l.Targets {
		if t.Kind == string(filters.SurfaceMCP) {
			n++
		}
	}
	return n
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// WriteSecrets fills the secrets folder from the environment: the secret "anthropic-api-key" from ANTHROPIC_API_KEY. A file that
// is there already stays where the variable is not set. It returns what is still missing: of that it leaves an empty file, with which
// Envoy refuses the upstream's callers as it does without one, and logs nothing.
func (l *Loaded) WriteSecrets(dir string, lookup func(string) (string, bool)) ([]Secret, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make secrets folder: %w", err)
	}
	var missing []Secret
	for _, name := range l.secrets {
		s := Secret{Name: name, Variable: strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
		value, _ := lookup(s.Variable)
		if value == "" {
			if there, err := os.Stat(filepath.Join(dir, name)); err == nil && there.Size() > 0 {
				continue
			}
			missing = append(missing, s)
		}
		if err := replace(filepath.Join(dir, name), value); err != nil {
			return nil, fmt.Errorf("write secret %s: %w", name, err)
		}
	}
	return missing, nil
}

// Certified reports the first listener's certificate that is not there: Envoy would wait for it in silence.
func (l *Loaded) Certified() error {
	for _, dir := range l.certificates {
		for _, name := range []string{"tls.crt", "tls.key"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("certificate of a listener: %w", err)
			}
		}
	}
	return nil
}

// replace moves a new file into place: an Envoy that runs reads it again for a move alone, and never sees half of it.
func replace(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
