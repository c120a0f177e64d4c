package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Git names a policy repository.
type Git struct {
	// URL is a path or file:// URL of a local repository, bare or not, which is read in place, or an https:// or ssh:// URL. Plain
	// http:// is only for loopback, since who can change the answer can change the policies. It carries no password.
	URL string

	Branch string        // empty: the branch that the repository's HEAD names
	Path   string        // slash-separated folder of the policies in the repository; empty: its root
	Poll   time.Duration // between two looks at the branch; 0: DefaultGitPoll

	// Credentials is a folder with the files username and password (https), ssh-privatekey and known_hosts (ssh), ca.crt; empty: none.
	Credentials string

	Logger *slog.Logger // nil: silent
}

// NewGit returns a source that follows one branch. It does not look at the repository yet.
func NewGit(g Git) (*Source, error) {
	repo, name, err := openRepository(g)
	if err != nil {
		return nil, err
	}
	folder, err := cleanFolder(g.Path)
	if err != nil {
		return nil, err
	}
	if g.Poll == 0 {
		g.Poll = DefaultGitPoll
	}
	return newSource(name, &gitLoader{repo: repo, folder: folder}, g.Poll, g.Logger), nil
}

// repository finds and reads one branch. at is the branch's commit, which read then reads; both may see a newer one.
type repository interface {
	resolve(ctx context.Context) (plumbing.Hash, error)
	read(ctx context.Context, at plumbing.Hash) (*object.Commit, error)
}

func openRepository(g Git) (repository, string, error) {
	if path, ok := localPath(g.URL); ok {
		return &localRepository{path: path, branch: g.Branch}, path, nil
	}
	if scpLike.MatchString(g.URL) {
		return newRemote(g, g.URL)
	}
	u, err := url.Parse(g.URL)
	if err != nil {
		return nil, "", errors.New("repository URL: not a URL") // the error of url.Parse quotes all of it
	}
	if _, has := u.User.Password(); has {
		return nil, "", fmt.Errorf("repository URL %s: carries a password; put it into a credentials folder", u.Redacted())
	}
	if u.Scheme != "https" && u.Scheme != "ssh" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, "", fmt.Errorf("repository URL %s: scheme %q; use https, ssh or a path", u.Redacted(), u.Scheme)
	}
	return newRemote(g, u.Redacted())
}

// localPath tells a path from a URL. What exists as a folder is a path, even if it looks like host:path.
func localPath(s string) (string, bool) {
	if rest, ok := strings.CutPrefix(s, "file://"); ok {
		return rest, true
	}
	if strings.Contains(s, "://") {
		return "", false
	}
	if _, err := os.Stat(s); err == nil {
		return s, true
	}
	host, _, scp := strings.Cut(s, ":")
	return s, !scp || strings.Contains(host, "/")
}

// scpLike is what ssh users write: user@host:path.
var scpLike = regexp.MustCompile(`^\w[\w.-]*@\w[\w.-]*:[^-].*$`)

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func cleanFolder(p string) (string, error) {
	clean := strings.Trim(path.Clean("/"+p), "/")
	if p != "" && strings.HasPrefix(path.Clean(p), "..") {
		return "", fmt.Errorf("policy folder %s: outside the repository", p)
	}
	return clean, nil
}

// gitLoader reads the policy folder of a branch.
type gitLoader struct {
	repo   repository
	folder string
}

func (g *gitLoader) hints() (<-chan struct{}, func(), error) { return nil, func() {}, nil }

func (g *gitLoader) load(ctx context.Context, have string) (Tree, error) {
	at, err := g.repo.resolve(ctx)
	if err != nil {
		return Tree{}, err
	}
	if at.String() == have {
		return Tree{}, errUnchanged
	}
	commit, err := g.repo.read(ctx, at)
	if err != nil {
		return Tree{}, err
	}
	id := commit.Hash.String()
	tree, err := readCommit(ctx, commit, g.folder)
	var refused *RefusedError
	if errors.As(err, &refused) {
		refused.Commit = id
	}
	if err != nil {
		return Tree{}, fmt.Errorf("commit %.12s: %w", id, err)
	}
	return tree, nil
}

// branchName is the reference to look up: a branch, or HEAD.
func branchName(branch string) plumbing.ReferenceName {
	if branch == "" {
		return plumbing.HEAD
	}
	return plumbing.NewBranchReferenceName(branch)
}
