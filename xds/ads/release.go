package ads

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"

	"bartizan/xds/snapshot"
)

// release is a commit in the form in which it is served. It is immutable.
type release struct {
	commit, version string
	envoy, extproc  resources
}

func newRelease(s *snapshot.Snapshot) (*release, error) {
	if s == nil || s.Bundle == nil {
		return nil, errors.New("no bundle in it")
	}
	if s.Commit == "" {
		return nil, errors.New("no commit named")
	}
	r := &release{commit: s.Commit, version: s.Version, envoy: resources{}, extproc: resources{}}
	bundle, err := newGroup([]named{{BundleName, s.Bundle}})
	if err != nil {
		return nil, err
	}
	r.extproc[BundleType] = bundle
	for url, messages := range map[string][]proto.Message{
		resource.ListenerType: s.Envoy.Listeners,
		resource.ClusterType:  s.Envoy.Clusters,
		resource.RouteType:    s.Envoy.Routes,
		resource.SecretType:   s.Envoy.Secrets,
	} {
		if r.envoy[url], err = newGroup(withNames(messages)); err != nil {
			return nil, fmt.Errorf("%s: %w", typeName(url), err)
		}
	}
	return r, nil
}

// resources are what one class of nodes is served, by type URL. They are immutable, and the cache's snapshot.
//
// go-control-plane's own Snapshot knows only Envoy's types. This one has any type, so that one SnapshotCache, with its order of
// responses and its patience before the first snapshot, serves both classes.
type resources map[string]group

var _ cache.ResourceSnapshot = resources{}

// group is all resources of one type.
type group struct {
	version  string // hash over names and versions
	items    map[string]types.ResourceWithTTL
	versions map[string]string // by name: SHA-256 of the deterministic encoding, which is what the cache sends as version
}

type named struct {
	name    string
	message proto.Message
}

func withNames(messages []proto.Message) []named {
	out := make([]named, len(messages))
	for i, m := range messages {
		out[i] = named{cache.GetResourceName(m), m}
	}
	return out
}

func newGroup(list []named) (group, error) {
	g := group{items: map[string]types.ResourceWithTTL{}, versions: map[string]string{}}
	for _, r := range list {
		if r.name == "" {
			return group{}, errors.New("a resource without a name")
		}
		if _, twice := g.items[r.name]; twice {
			return group{}, fmt.Errorf("two resources named %q", r.name)
		}
		data, err := cache.MarshalResource(r.message)
		if err != nil {
			return group{}, fmt.Errorf("encode %q: %w", r.name, err)
		}
		g.items[r.name] = types.ResourceWithTTL{Resource: r.message}
		g.versions[r.name] = cache.HashResource(data)
	}
	g.version = hashVersions(g.versions)
	return g, nil
}

// hashVersions is the version of a type as a whole: the same resources have the same version, whatever the commit.
func hashVersions(versions map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		fmt.Fprintf(h, "%q %s\n", name, versions[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// GetVersion returns the version of a type as a whole.
func (r resources) GetVersion(url string) string { return r[url].version }

// GetResourcesAndTTL returns the resources of a type by name. None has a time to live.
func (r resources) GetResourcesAndTTL(url string) map[string]types.ResourceWithTTL {
	return r[url].items
}

// GetResources returns the resources of a type by name.
func (r resources) GetResources(url string) map[string]types.Resource {
	out := make(map[string]types.Resource, len(r[url].items))
	for name, item := range r[url].items {
		out[name] = item.Resource
	}
	return out
}

// ConstructVersionMap does nothing: versions are there from the beginning.
func (r resources) ConstructVersionMap() error { return nil }

// GetVersionMap returns the versions of a type by name.
func (r resources) GetVersionMap(url string) map[string]string { return r[url].versions }

// bridge returns r with what only old needs: its clusters and secrets, which must outlive the routes that name them. It reports
// false when there is nothing of the kind.
func (r resources) bridge(old resources) (resources, bool) {
	both, found := maps.Clone(r), false
	for _, url := range []string{resource.ClusterType, resource.SecretType} {
		g := group{items: maps.Clone(old[url].items), versions: maps.Clone(old[url].versions)}
		if g.items == nil {
			continue
		}
		maps.Copy(g.items, r[url].items)
		maps.Copy(g.versions, r[url].versions)
		g.version = hashVersions(g.versions)
		found = found || len(g.items) > len(r[url].items)
		both[url] = g
	}
	return both, found
}
