package ads

import (
	"maps"
	"slices"
	"strings"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	gcpstream "github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	state "bartizan/xds/status"
)

// Bounds on what one stream may hold. The cache's channel to a stream has room for 20 responses, one for each type.
const (
	maxTypes     = 16
	maxResources = 10_000 // names in one request; versions that a node says it has
	maxUnanswer  = 16     // responses of one type without an answer; the oldest is forgotten
	maxDetail    = 1 << 10
)

// node is one stream of a node. Its owner, the ledger, guards it.
type node struct {
	id        string
	class     class
	connected time.Time
	types     map[string]*held
}

// held is what a node has of one type.
type held struct {
	sub     gcpstream.Subscription // as the server sees it
	has     map[string]string      // resource → version, acknowledged
	version string                 // of the last response acknowledged
	sent    []sent                 // not answered yet, oldest first
	refused string                 // the version refused; empty once something else was sent
	nack    *state.Nack
}

// sent is one response on its way.
type sent struct {
	nonce, version string
	changed        map[string]string
	removed        []string
}

// subscribe takes the resource names of a request into account.
func (n *node) subscribe(req *discovery.DeltaDiscoveryRequest) (*held, error) {
	on, off, known := req.GetResourceNamesSubscribe(), req.GetResourceNamesUnsubscribe(), req.GetInitialResourceVersions()
	h := n.types[req.GetTypeUrl()]
	if len(on) > maxResources || len(off) > maxResources || len(known) > maxResources {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d resource names in one request", maxResources)
	}
	if h == nil {
		if len(n.types) == maxTypes {
			return nil, status.Errorf(codes.ResourceExhausted, "more than %d types on one stream", maxTypes)
		}
		h = &held{sub: gcpstream.NewDeltaSubscription(on, off, nil, true), has: maps.Clone(known)}
		if h.has == nil {
			h.has = map[string]string{}
		}
		n.types[req.GetTypeUrl()] = h
		return h, nil
	}
	h.sub.UpdateResourceSubscriptions(on, off)
	if len(h.sub.SubscribedResources()) > maxResources {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d resources of one type on one stream", maxResources)
	}
	for _, name := range off {
		delete(h.has, name)
	}
	return h, nil
}

// send notes a response that is about to go out.
func (h *held) send(resp *discovery.DeltaDiscoveryResponse) {
	s := sent{nonce: resp.GetNonce(), version: resp.GetSystemVersionInfo(), removed: resp.GetRemovedResources()}
	s.changed = make(map[string]string, len(resp.GetResources()))
	for _, r := range resp.GetResources() {
		s.changed[r.GetName()] = r.GetVersion()
	}
	if len(h.sent) == maxUnanswer {
		h.sent = h.sent[1:]
	}
	h.sent = append(h.sent, s)
	h.refused = ""
}

// answer notes what a node says to a response: ok is false when the nonce is of none that waits for an answer.
func (h *held) answer(req *discovery.DeltaDiscoveryRequest, now time.Time) (ok bool) {
	i := slices.IndexFunc(h.sent, func(s sent) bool { return s.nonce == req.GetResponseNonce() })
	if i < 0 {
		return false
	}
	s := h.sent[i]
	h.sent = slices.Delete(h.sent, i, i+1)
	if detail := req.GetErrorDetail(); detail != nil {
		h.refused = s.version
		h.nack = &state.Nack{Version: s.version, Detail: cut(detail.GetMessage()), Time: now}
		return true
	}
	h.version = s.version
	maps.Copy(h.has, s.changed)
	for _, name := range s.removed {
		delete(h.has, name)
	}
	return true
}

// matches tells whether a node has all that it subscribes to as g says, and nothing else.
func (h *held) matches(g group) bool {
	if h.sub.IsWildcard() {
		return maps.Equal(h.has, g.versions)
	}
	for name := range h.sub.SubscribedResources() {
		if h.has[name] != g.versions[name] {
			return false
		}
	}
	return true
}

// live tells whether a node has all that a release says for it.
func (n *node) live(r *release) bool {
	res := r.of(n.class)
	for url, h := range n.types {
		if !h.matches(res[url]) {
			return false
		}
	}
	return len(n.types) > 0
}

func (r *release) of(c class) resources {
	if c == classExtproc {
		return r.extproc
	}
	return r.envoy
}

// cut bounds a foreign text.
func cut(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxDetail)], "\uFFFD")
}
