package snapshot

import (
	"cmp"
	"maps"
	"slices"

	"bartizan/filters/access"
	"bartizan/filters/manifest"
	"bartizan/filters/pins"
	"bartizan/filters/policy"
	"bartizan/xds/bundlepb"
	"bartizan/xds/source"
)

// Options are what a snapshot takes from the machine rather than from the repository. Paths are those that Envoy sees.
type Options struct {
	SecretsDir string // folder of the credential files; a credential's secret is a file name below it
	CAFile     string // PEM bundle for https upstreams; empty: DefaultCAFile
	Aggregator string // Unix socket of the MCP aggregator; empty: DefaultAggregator
	Gate       string // Unix socket on which Envoy hears the aggregator; empty: DefaultGate
	Bare       bool   // listeners without any inspection, to measure what inspection costs. Never for traffic

	CertificatesDir string            // folder of the listeners' certificates, each a folder below it with tls.crt and tls.key; empty: SecretsDir
	Keys            map[string][]byte // files of kind VirtualKeys that are kept outside of the repository, by the path that a person knows
}

// DefaultCAFile is where Debian and the official Envoy image keep the certificates of public authorities.
const DefaultCAFile = "/etc/ssl/certs/ca-certificates.crt"

// Where Envoy and the aggregator meet, unless Options say otherwise.
const (
	DefaultAggregator = "/run/bartizan/aggregator.sock"
	DefaultGate       = "/run/bartizan/gate.sock"
)

// Build makes the snapshot of a tree, or returns every mistake in it, sorted by file, line and column.
func Build(tree source.Tree, opt Options) (*Snapshot, manifest.Errors) {
	opt.CAFile = cmp.Or(opt.CAFile, DefaultCAFile)
	opt.Aggregator, opt.Gate = cmp.Or(opt.Aggregator, DefaultAggregator), cmp.Or(opt.Gate, DefaultGate)
	opt.CertificatesDir = cmp.Or(opt.CertificatesDir, opt.SecretsDir)
	r := repository{opt: opt, first: map[string]manifest.String{}, known: knownKeys{seen{}, seen{}}}
	for _, file := range slices.Sorted(maps.Keys(tree.Files)) {
		docs, errs := manifest.Parse(file, tree.Files[file])
		r.report(errs...)
		for _, doc := range docs {
			r.add(doc)
		}
	}
	r.outside(opt.Keys)
	r.finish()
	if len(r.errs) > 0 {
		r.errs.Sort()
		return nil, r.errs
	}
	return r.snapshot(tree.Commit), nil
}

// repository is what has been read so far.
type repository struct {
	opt       Options
	errs      manifest.Errors
	first     map[string]manifest.String // kind and name → where the name was first given
	gateway   *gateway
	keys      []*bundlepb.VirtualKey // of VirtualKeys
	known     knownKeys
	providers []*provider
	servers   []*server
	policies  []*policy.Policy
	access    []*access.ToolAccess
	models    []*access.ModelAccess
	pins      []*pins.Set
	warnings  manifest.Errors

	unread         bool // a server could not be read
	unreadProvider bool // a provider could not be read
}

// Kinds of documents.
const (
	kindGateway   = "Gateway"
	kindProvider  = "Provider"
	kindMCPServer = "McpServer"
	kindKeys      = "VirtualKeys"
	kindPolicy    = policy.Kind
	kindAccess    = access.Kind
	kindModels    = access.ModelKind
	kindPins      = pins.Kind
)

func kinds() []string {
	return []string{kindGateway, kindKeys, kindProvider, kindMCPServer, kindPolicy, kindAccess, kindModels, kindPins}
}

func (r *repository) report(errs ...*manifest.Error) { r.errs = append(r.errs, errs...) }

func (r *repository) add(doc *manifest.Document) {
	r.unique(doc)
	switch doc.Kind {
	case kindGateway:
		r.addGateway(doc)
	case kindKeys:
		r.addKeys(doc)
	case kindProvider:
		r.addProvider(doc)
	case kindMCPServer:
		r.addServer(doc)
	case kindPolicy:
		r.addPolicy(doc)
	case kindAccess:
		r.addAccess(doc)
	case kindModels:
		r.addModels(doc)
	case kindPins:
		r.addPins(doc)
	default:
		r.report(doc.KindText().Errorf(manifest.Suggest(doc.Kind, kinds()), "unknown kind"))
	}
}

// unique: two documents of one kind may not have the same name, in whichever files they are. policy.Compile says it of policies.
func (r *repository) unique(doc *manifest.Document) {
	if doc.Kind == kindPolicy {
		return
	}
	key := doc.Kind + "/" + doc.Name
	if before, taken := r.first[key]; taken {
		r.report(doc.NameText().Errorf("the first is at "+before.Position.String(), "second %s of this name", doc.Kind))
		return
	}
	r.first[key] = doc.NameText()
}

// finish looks for what only the whole repository can tell.
func (r *repository) finish() {
	slices.SortStableFunc(r.policies, func(a, b *policy.Policy) int { return cmp.Compare(a.Name, b.Name) })
	_, errs := policy.Compile(r.policies)
	r.report(errs...)
	r.registry()
	r.modelAccess()
	r.subscriptions()
	r.warnings.Sort()
	r.scopes()
	if r.gateway == nil && len(r.errs) == 0 { // with errors, the Gateway may be what could not be read
		r.report(&manifest.Error{
			Position: manifest.Position{File: ".", Line: 1, Column: 1},
			Message:  "the repository has no " + kindGateway,
			Hint:     "add one document with kind: " + kindGateway,
		})
	}
}

// scopes are asked of tokens, and without an issuer there are none.
func (r *repository) scopes() {
	if r.gateway == nil || len(r.gateway.issuers) > 0 {
		return
	}
	for _, s := range r.servers {
		if len(s.scopes) > 0 {
			r.report(s.scopes[0].Errorf("add one to the Gateway", "scopes are asked of tokens, and the repository has no issuer"))
		}
	}
}

func (r *repository) addPolicy(doc *manifest.Document) {
	p, errs := policy.Decode(doc)
	if r.report(errs...); p != nil {
		r.policies = append(r.policies, p)
	}
}
