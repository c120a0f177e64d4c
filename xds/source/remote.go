package source

import (
	"context"
	"errors"
	"fmt"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/memory"
)

// maxFetchBytes bounds what one commit may take in memory, files that are no policies included.
const maxFetchBytes = 256 << 20

// fetched is the reference under which a fetch leaves the branch.
const fetched = plumbing.ReferenceName("refs/heads/fetched")

// remoteRepository is asked for the branch's commit at each look, and fetched anew, one commit deep, when that changed. Nothing
// is kept between fetches, so that a rewritten history is no special case.
type remoteRepository struct {
	url, branch string
	endpoint    *transport.Endpoint
	credentials credentials
}

func newRemote(g Git, name string) (repository, string, error) {
	at, err := transport.NewEndpoint(g.URL)
	if err != nil {
		return nil, "", fmt.Errorf("repository URL %s: not a URL", name)
	}
	return &remoteRepository{url: g.URL, branch: g.Branch, endpoint: at, credentials: credentials{g.Credentials}}, name, nil
}

func (r *remoteRepository) resolve(ctx context.Context) (plumbing.Hash, error) {
	auth, authority, err := r.access()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	refs, err := r.remote(memory.NewStorage()).ListContext(ctx, &gogit.ListOptions{Auth: auth, CABundle: authority})
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("list branches: %w", err)
	}
	return lookUp(refs, branchName(r.branch))
}

// lookUp finds a name among advertised references, through one symbolic step (HEAD).
func lookUp(refs []*plumbing.Reference, name plumbing.ReferenceName) (plumbing.Hash, error) {
	byName := make(map[plumbing.ReferenceName]*plumbing.Reference, len(refs))
	for _, ref := range refs {
		byName[ref.Name()] = ref
	}
	ref := byName[name]
	if ref != nil && ref.Type() == plumbing.SymbolicReference {
		ref = byName[ref.Target()]
	}
	if ref == nil || ref.Type() != plumbing.HashReference {
		return plumbing.ZeroHash, fmt.Errorf("look up %s: %w", name, plumbing.ErrReferenceNotFound)
	}
	return ref.Hash(), nil
}

func (r *remoteRepository) read(ctx context.Context, _ plumbing.Hash) (*object.Commit, error) {
	auth, authority, err := r.access()
	if err != nil {
		return nil, err
	}
	store := &boundedStorage{Storage: memory.NewStorage(), left: maxFetchBytes}
	spec := config.RefSpec(fmt.Sprintf("+%s:%s", branchName(r.branch), fetched))
	err = r.remote(store).FetchContext(ctx, &gogit.FetchOptions{
		RefSpecs: []config.RefSpec{spec}, Depth: 1, Tags: gogit.NoTags, Auth: auth, CABundle: authority,
	})
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	ref, err := store.Reference(fetched)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	commit, err := object.GetCommit(store, ref.Hash())
	if err != nil {
		return nil, fmt.Errorf("read commit %.12s: %w", ref.Hash().String(), err)
	}
	return commit, nil
}

func (r *remoteRepository) remote(s storage.Storer) *gogit.Remote {
	return gogit.NewRemote(s, &config.RemoteConfig{Name: "origin", URLs: []string{r.url}})
}

// access reads who we are to the repository, and by whom it is known.
func (r *remoteRepository) access() (transport.AuthMethod, []byte, error) {
	auth, err := r.credentials.auth(r.endpoint)
	if err != nil {
		return nil, nil, err
	}
	authority, err := r.credentials.authority()
	return auth, authority, err
}

// boundedStorage refuses objects beyond a sum of bytes.
type boundedStorage struct {
	*memory.Storage
	left int64
}

var errTooMuch = errors.New("the commit takes more than 256 MiB; give the policies a repository of their own")

// SetEncodedObject stores one object.
func (b *boundedStorage) SetEncodedObject(o plumbing.EncodedObject) (plumbing.Hash, error) {
	if b.left -= o.Size(); b.left < 0 {
		return plumbing.ZeroHash, errTooMuch
	}
	return b.Storage.SetEncodedObject(o)
}
