package bundle

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"bartizan/extproc/audit"
	"bartizan/extproc/audit/ocsf"
	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/filters/llm"
	"bartizan/filters/llm/prices"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/policy"
	"bartizan/filters/recall"
	"bartizan/xds/bundlepb"
)

// TypeURL is the xDS type of a bundle, and Resource the name of the only one.
const (
	TypeURL  = "type.googleapis.com/bartizan.bundle.v1.Bundle"
	Resource = "bundle"
)

// MaxRequestBytes is the largest body that a bundle may ask to judge. It bounds the messages that the service receives.
const MaxRequestBytes = 128 << 20

// Bundle is everything that one commit decides.
type Bundle struct {
	Version      string
	Commit       string
	URL          string        // where callers reach the gateway, without a path; empty: not known
	RequestBytes int64         // the largest body that is judged
	Audit        audit.Options // how exchanges are recorded

	routes   map[string]route
	keys     map[[sha256.Size]byte]filters.Identity
	servers  []string
	issuers  map[string]*bundlepb.Issuer // by the claim iss
	policies *policy.Set
	registry *access.Registry
	prices   map[string]prices.Tables // by Provider
	memory   *recall.Memory
	models   *access.Models
}

type route struct {
	filters.Route
	codec filters.Codec
	entry Entry
}

// Route finds what the bundle says about an Envoy route; a name that it does not know must be refused.
func (b *Bundle) Route(name string) (filters.Route, filters.Codec, bool) {
	r, ok := b.routes[name]
	return r.Route, r.codec, ok
}

// Memory is what this replica remembers of content.
func (b *Bundle) Memory() *recall.Memory { return b.memory }

// Identify finds the owner of a virtual key. Looking up a digest leaks nothing by its timing that helps to guess a key.
func (b *Bundle) Identify(key string) (filters.Identity, bool) {
	id, ok := b.keys[sha256.Sum256([]byte(key))]
	return id, ok
}

// Visible tells whether the caller of x, of whom no body was read yet, may know of the target of a route. What is not visible must be
// refused like a route that does not exist; the error says why it could not be found out, and is for the record.
func (b *Bundle) Visible(r filters.Route, x *filters.Exchange) (bool, error) {
	if r.Surface != filters.SurfaceMCP || r.Aggregate {
		return true, nil
	}
	return b.registry.Visible(r.Target, x)
}

// Servers are the MCP servers behind the gateway that the caller of x may know of, sorted by name. One of which that cannot be found out is not among
// them.
func (b *Bundle) Servers(x *filters.Exchange) []string {
	var names []string
	for _, name := range b.servers {
		if visible, err := b.registry.Visible(name, x); visible && err == nil {
			names = append(names, name)
		}
	}
	return names
}

// Judge takes the decision about a decoded request, and returns what decides about its answer; nil where no rule does. At the endpoint
// for all servers rules have nothing to say: they judge the requests to each server that follow from it, under the same caller.
//
// What a request asks of a model provider is held against ModelAccess and against the registry of MCP servers too, in the form of rules.
func (b *Bundle) Judge(x *filters.Exchange) (filters.Decision, filters.AnswerJudge) {
	if x.Route.Aggregate {
		return filters.Decision{}, nil
	}
	decision, answers := b.policies.Judge(x)
	if x.Route.Surface == filters.SurfaceLLM {
		decision.Merge(b.models.Judge(x))
		decision.Merge(b.registry.Connectors(x, b.Entry(x.Route.Name).Connectors))
	}
	return decision, answers
}

// Memory is what a replica remembers of what it has seen. It outlives bundles, is bounded, and ends with the process.
type Memory struct {
	definitions *access.Memory // of MCP servers
	blocks      *recall.Memory // of content
}

// NewMemory returns one that is empty.
func NewMemory() *Memory { return &Memory{access.NewMemory(), recall.New(recall.DefaultLimit)} }

// Compile makes a bundle ready to decide. It reports every error of the policies at once. What this replica does not know is an
// error too: it must not be taken for something else.
func Compile(pb *bundlepb.Bundle) (*Bundle, error) { return CompileFor(pb, llm.Codec, nil) }

// CompileFor is Compile with the codecs of model dialects by their names, and with what this replica remembers; nil: nothing yet.
func CompileFor(pb *bundlepb.Bundle, dialects func(name string) (filters.Codec, bool), memory *Memory) (*Bundle, error) {
	if memory == nil {
		memory = NewMemory()
	}
	read, err := policies(pb.GetPolicies())
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", pb.GetVersion(), err)
	}
	set, errs := policy.Compile(read)
	if err := errs.Err(); err != nil {
		return nil, fmt.Errorf("compile policies of commit %s: %w", pb.GetCommit(), err)
	}
	set.Remember(memory.blocks)
	known, err := registry(pb, memory.definitions)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", pb.GetVersion(), err)
	}
	admitted, err := models(pb)
	if err != nil {
		return nil, err
	}
	b := &Bundle{
		Version: pb.GetVersion(), Commit: pb.GetCommit(), URL: pb.GetUrl(), RequestBytes: pb.GetLimits().GetRequestBytes(),
		Audit: audit.Options{
			Mode: audit.Mode(pb.GetAudit().GetMode()), Payload: ocsf.Payload(pb.GetAudit().GetPayload()), Tenant: pb.GetAudit().GetTenant(),
		},
		routes:   make(map[string]route, len(pb.GetRoutes())),
		keys:     make(map[[sha256.Size]byte]filters.Identity, len(pb.GetVirtualKeys())),
		issuers:  make(map[string]*bundlepb.Issuer, len(pb.GetIssuers())),
		policies: set,
		registry: known,
		models:   admitted,
		memory:   memory.blocks,
	}
	if b.RequestBytes <= 0 || b.RequestBytes > MaxRequestBytes {
		return nil, fmt.Errorf("bundle %s: limits.request_bytes is %d, want 1 to %d", b.Version, b.RequestBytes, MaxRequestBytes)
	}
	if err := checkAudit(b.Audit); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	if b.prices, err = tables(pb); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	if err := b.addRoutes(pb, dialects); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	for _, r := range b.routes {
		if r.Surface == filters.SurfaceMCP && !r.Aggregate && r.entry.Document == nil {
			b.servers = append(b.servers, r.Target)
		}
	}
	slices.Sort(b.servers)
	if err := b.addKeys(pb); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	if err := b.addIssuers(pb); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	return b, nil
}

// checkAudit: a mode that is not known would be taken for the default, and "Strict" is not to mean durable.
func checkAudit(o audit.Options) error {
	if !slices.Contains([]audit.Mode{"", audit.ModeStrict, audit.ModeDurable, audit.ModeBestEffort}, o.Mode) {
		return fmt.Errorf("this replica does not know audit mode %q", o.Mode)
	}
	if o.Payload != "" && !slices.Contains(ocsf.Payloads(), o.Payload) {
		return fmt.Errorf("this replica does not know payload mode %q", o.Payload)
	}
	return nil
}

func (b *Bundle) addRoutes(pb *bundlepb.Bundle, dialects func(string) (filters.Codec, bool)) error {
	merged := mcp.New(nil) // what is listed and called there is asked for, and judged, at each server
	mcpCodec := mcp.New(b.registry)
	for _, r := range pb.GetRoutes() {
		named := filters.Route{
			Name: r.GetName(), Surface: filters.Surface(r.GetSurface()), Target: r.GetTarget(), Dialect: r.GetDialect(), Operation: r.GetOperation(),
			Aggregate: r.GetAggregate(),
		}
		if _, twice := b.routes[named.Name]; twice || named.Name == "" { // a request without a route has the empty name
			return fmt.Errorf("route %q: want a name of its own", named.Name)
		}
		switch {
		case named.Surface == filters.SurfaceMCP && named.Aggregate:
			b.routes[named.Name] = route{named, merged, entry(r)}
		case named.Surface == filters.SurfaceMCP:
			b.routes[named.Name] = route{named, mcpCodec, entry(r)}
		case named.Surface == filters.SurfaceLLM:
			at, codec, err := modelEntry(r, dialects)
			if err != nil {
				return fmt.Errorf("route %s: %w", named.Name, err)
			}
			b.routes[named.Name] = route{named, llm.Showing(codec, b.models), at}
		default:
			return fmt.Errorf("route %s: this replica does not know surface %q", named.Name, named.Surface)
		}
	}
	return nil
}

// modelEntry is what a route of a model provider asks of its callers.
func modelEntry(r *bundlepb.Route, dialects func(string) (filters.Codec, bool)) (Entry, filters.Codec, error) {
	codec, ok := dialects(r.GetDialect())
	at := entry(r)
	if !ok {
		return at, nil, fmt.Errorf("this replica does not speak dialect %q", r.GetDialect())
	}
	if !slices.Contains(append(access.ConnectorModes(), ""), at.Connectors) {
		return at, nil, fmt.Errorf("this replica does not know connectors %q", at.Connectors)
	}
	d, _ := llm.Lookup(r.GetDialect())
	at.Onward = d.Onward
	if at.Passthrough {
		if at.Subscription = d.Subscription; at.Subscription == nil {
			return at, nil, fmt.Errorf("this replica knows no subscriptions of dialect %q", r.GetDialect())
		}
	}
	return at, codec, nil
}

func (b *Bundle) addKeys(pb *bundlepb.Bundle) error {
	for _, k := range pb.GetVirtualKeys() {
		if len(k.GetSha256()) != sha256.Size {
			return fmt.Errorf("virtual key %s: digest of %d bytes, want %d", k.GetName(), len(k.GetSha256()), sha256.Size)
		}
		digest := [sha256.Size]byte(k.GetSha256())
		if other, twice := b.keys[digest]; twice {
			return fmt.Errorf("virtual key %s: the same key as %s", k.GetName(), other.Key)
		}
		b.keys[digest] = filters.Identity{
			Method: filters.IdentityByKey, User: k.GetUser(), Groups: k.GetGroups(), Key: k.GetName(),
		}
	}
	return nil
}

// policies reads the contract's form of the policies. Words that this replica does not know make Compile refuse the bundle.
func policies(pbs []*bundlepb.Policy) ([]*policy.Policy, error) {
	out := make([]*policy.Policy, len(pbs))
	for i, pb := range pbs {
		p := &policy.Policy{
			Name: pb.GetName(), At: manifest.Position{File: pb.GetFile(), Line: 1, Column: 1}, Surface: filters.Surface(pb.GetSurface()),
			FailurePolicy: policy.FailurePolicy(pb.GetFailurePolicy()), Mode: policy.Mode(pb.GetMode()),
		}
		at := func(e *bundlepb.Expression) manifest.String { return expression(pb.GetFile(), e) }
		for _, c := range pb.GetMatchConditions() {
			p.MatchConditions = append(p.MatchConditions, at(c))
		}
		for _, v := range pb.GetVariables() {
			p.Variables = append(p.Variables, policy.Variable{Name: v.GetName(), Expression: at(v.GetExpression())})
		}
		for _, r := range pb.GetRules() {
			action, ok := filters.ParseAction(r.GetAction())
			if !ok {
				return nil, fmt.Errorf("policy %s: rule %s: this replica does not know action %q", pb.GetName(), r.GetName(), r.GetAction())
			}
			p.Rules = append(p.Rules, policy.Rule{
				Name: r.GetName(), On: r.GetOn(), Expression: at(r.GetExpression()), Pattern: at(r.GetPattern()), Action: action,
				Severity: filters.Severity(r.GetSeverity()), Reason: r.GetReason(), Message: r.GetMessage(),
			})
		}
		out[i] = p
	}
	return out, nil
}
