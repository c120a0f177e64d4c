package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"

	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// Limits on the bodies of requests, in bytes. Envoy holds a body while it is judged, and so does extproc.
const (
	defaultRequestBytes = 40 << 20 // the largest that a model provider takes is 32 MiB
	maxRequestBytes     = 128 << 20
)

// gatewaySpec is the YAML of a Gateway.
type gatewaySpec struct {
	Position    manifest.Position `yaml:"-"`
	URL         manifest.String   `yaml:"url"` // as callers reach it, behind whatever stands before it
	Listeners   []listenerSpec    `yaml:"listeners"`
	VirtualKeys []keySpec         `yaml:"virtualKeys"`
	Issuers     []issuerSpec      `yaml:"issuers"`
	Audit       auditSpec         `yaml:"audit"`
	Limits      limitsSpec        `yaml:"limits"`
	MCP         mcpSpec           `yaml:"mcp"`
	Anthropic   anthropicSpec     `yaml:"anthropic"`
}

type listenerSpec struct {
	Position    manifest.Position `yaml:"-"`
	Name        manifest.String   `yaml:"name"`
	Address     manifest.String   `yaml:"address"`     // an IP; default 127.0.0.1
	Port        manifest.String   `yaml:"port"`        // 0, the default: the kernel picks one
	TLS         *tlsSpec          `yaml:"tls"`         // absent: in the clear
	TrustedHops manifest.String   `yaml:"trustedHops"` // proxies in front that say who the client is; default 0
}

type tlsSpec struct {
	Position manifest.Position `yaml:"-"`
	Secret   manifest.String   `yaml:"secret"` // folder with tls.crt and tls.key
}

type keySpec struct {
	Position manifest.Position `yaml:"-"`
	Name     manifest.String   `yaml:"name"`
	SHA256   manifest.String   `yaml:"sha256"` // of the key's text, in hex
	User     manifest.String   `yaml:"user"`
	Groups   []manifest.String `yaml:"groups"`
}

type auditSpec struct {
	Mode    manifest.String `yaml:"mode"`    // strict, durable (default), best_effort
	Payload manifest.String `yaml:"payload"` // none, digest (default), redacted, full
	Tenant  manifest.String `yaml:"tenant"`  // default "default"
}

type limitsSpec struct {
	RequestBytes manifest.String `yaml:"requestBytes"`
}

type mcpSpec struct {
	Aggregate bool `yaml:"aggregate"` // serve all McpServers at one endpoint too; default false
}

type anthropicSpec struct {
	AllowedOrganizations []manifest.String `yaml:"allowedOrganizations"` // ids, to which Anthropic then limits every request of the gateway
}

// gateway is a checked Gateway.
type gateway struct {
	url       string // scheme and authority; empty: not named
	listeners []envoyconf.Endpoint
	keys      []*bundlepb.VirtualKey
	issuers   []issuer // by name
	audit     *bundlepb.Audit
	limits    *bundlepb.Limits
	aggregate bool // one endpoint for all MCP servers

	organizations []string // ids at Anthropic; empty: whichever the credential is of
}

func (r *repository) addGateway(doc *manifest.Document) {
	if r.gateway != nil {
		r.report(doc.NameText().Errorf("", "a repository has one Gateway, and this is the second"))
	}
	var spec gatewaySpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		r.gateway = &gateway{}
		r.report(errs...)
		return
	}
	c := checker{doc: doc}
	r.gateway = &gateway{
		url:       c.externalURL(spec),
		listeners: c.listeners(spec),
		keys:      c.keys(spec.VirtualKeys, r.known),
		issuers:   c.issuers(spec.Issuers, r.opt),
		audit:     c.audit(spec.Audit),
		aggregate: spec.MCP.Aggregate,

		organizations: c.organizations(spec.Anthropic.AllowedOrganizations),
		limits:        &bundlepb.Limits{RequestBytes: c.number(spec.Limits.RequestBytes, defaultRequestBytes, 1, maxRequestBytes)},
	}
	r.report(c.errs...)
}

// organizationID is a UUID.
var organizationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (c *checker) organizations(list []manifest.String) []string {
	ids := seen{}
	for _, s := range list {
		if !organizationID.MatchString(s.Value) {
			c.add(s.Errorf("the UUID that the Anthropic console shows", "not the id of an organization"))
		}
		c.add(ids.twice(s, s.Value, "mention of this organization"))
	}
	return values(list)
}

// maxHops bounds trustedHops: nobody has more proxies in front, and each may be a stranger's invention.
const maxHops = 10

func (c *checker) listeners(spec gatewaySpec) []envoyconf.Endpoint {
	if len(spec.Listeners) == 0 {
		c.missing(spec.Position, "listeners")
	}
	var endpoints []envoyconf.Endpoint
	names, places := seen{}, places{}
	for _, l := range spec.Listeners {
		c.name(l.Name, l.Position, "name")
		c.add(names.twice(l.Name, l.Name.Value, "listener of this name"))
		address := c.address(l.Address)
		e := envoyconf.Endpoint{
			Name: l.Name.Value, Address: address.String(), Port: uint32(c.number(l.Port, 0, 0, 65535)), Certificate: c.certificate(l.TLS),
			TrustedHops: uint32(c.number(l.TrustedHops, 0, 0, maxHops)),
		}
		if e.Port != 0 {
			c.add(places.taken(l.Port, netip.AddrPortFrom(address, uint16(e.Port))))
		}
		endpoints = append(endpoints, e)
	}
	return endpoints
}

func (c *checker) address(s manifest.String) netip.Addr {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if isAbsent(s) {
		return loopback
	}
	ip, err := netip.ParseAddr(s.Value)
	switch {
	case err != nil || ip.Zone() != "":
		c.add(s.Errorf("as in 127.0.0.1, 0.0.0.0 or '::'", "want an IP address"))
	case ip.Is4In6():
		c.add(s.Errorf("write "+ip.Unmap().String(), "an IPv4 address in the form of IPv6"))
	case ip.IsMulticast():
		c.add(s.Errorf("", "nobody can listen on a multicast address"))
	default:
		return ip
	}
	return loopback
}

// certificate reads the name of a listener's certificate; empty is none.
func (c *checker) certificate(spec *tlsSpec) string {
	switch {
	case spec == nil:
		return ""
	case isAbsent(spec.Secret):
		c.missing(spec.Position, "secret")
	case !secretName.MatchString(spec.Secret.Value):
		c.add(unquoted(spec.Secret, "lower-case letters, digits and '-': the name of a secret with tls.crt and tls.key", "not the name of a secret"))
	}
	return spec.Secret.Value
}

// places are where listeners listen already.
type places map[netip.AddrPort]manifest.String

// taken reports a port that a listener has already, on this address or on all of its family.
func (p places) taken(s manifest.String, at netip.AddrPort) *manifest.Error {
	for other, first := range p {
		sameFamily := other.Addr().Is4() == at.Addr().Is4()
		overlap := other.Addr() == at.Addr() || sameFamily && (other.Addr().IsUnspecified() || at.Addr().IsUnspecified())
		if other.Port() == at.Port() && overlap {
			return s.Errorf("the first is at "+first.Position.String(), "second listener on this port")
		}
	}
	p[at] = s
	return nil
}

// knownKeys are the names and hashes of all keys so far.
type knownKeys struct{ names, hashes seen }

func (c *checker) keys(specs []keySpec, known knownKeys) []*bundlepb.VirtualKey {
	var keys []*bundlepb.VirtualKey
	for _, k := range specs {
		c.name(k.Name, k.Position, "name")
		c.add(known.names.twice(k.Name, k.Name.Value, "key of this name"))
		hash := c.hash(k.SHA256, k.Position)
		c.add(known.hashes.twice(k.SHA256, string(hash), "key with this hash"))
		if k.User.Value == "" {
			c.missing(k.Position, "user")
		}
		key := &bundlepb.VirtualKey{Name: k.Name.Value, Sha256: hash, User: k.User.Value}
		for _, g := range k.Groups {
			key.Groups = append(key.Groups, g.Value)
		}
		keys = append(keys, key)
	}
	return keys
}

func (c *checker) hash(s manifest.String, at manifest.Position) []byte {
	if isAbsent(s) {
		c.missing(at, "sha256")
		return nil
	}
	hash, err := hex.DecodeString(s.Value)
	if err != nil || len(hash) != sha256.Size {
		c.add(unquoted(s, "printf %s \"$KEY\" | sha256sum", "want the SHA-256 of a key as 64 hexadecimal digits"))
		return nil
	}
	if [sha256.Size]byte(hash) == sha256.Sum256(nil) {
		c.add(s.Errorf("", "this is the SHA-256 of nothing"))
	}
	return hash
}

func (c *checker) audit(spec auditSpec) *bundlepb.Audit {
	a := &bundlepb.Audit{
		Mode:    c.oneOf(spec.Mode, "durable", "strict", "durable", "best_effort"),
		Payload: c.oneOf(spec.Payload, "digest", "none", "digest", "redacted", "full"),
		Tenant:  "default",
	}
	if !isAbsent(spec.Tenant) {
		c.add(spec.Tenant.CheckLabel()) // it becomes one token of the records' subject
		a.Tenant = spec.Tenant.Value
	}
	return a
}
