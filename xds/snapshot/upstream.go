package snapshot

import (
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bartizan/filters/manifest"
	"bartizan/xds/envoyconf"
)

// origin is a checked url: where an upstream is, and the path there.
type origin struct {
	host string
	port uint32
	tls  bool
	path string // as written, without a query; may be empty
}

// Paths are written plainly, so that the path which a person reads here is the path that Envoy sends: no escapes, no empty or dot
// segments.
var (
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$`)
	dnsName   = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

func (c *checker) url(s manifest.String, at manifest.Position) origin {
	if isAbsent(s) {
		c.missing(at, "url")
		return origin{}
	}
	u, err := url.Parse(s.Value)
	if err != nil {
		c.add(unquoted(s, "as in https://api.example.com", "not a URL"))
		return origin{}
	}
	if u.User != nil {
		c.add(unquoted(s, "name a secret under credential", "a URL must not carry a user or password"))
		return origin{}
	}
	o := origin{host: strings.ToLower(u.Hostname()), tls: u.Scheme == "https", path: u.Path}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		c.add(s.Errorf("as in https://api.example.com", "want an http or https URL"))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.RawFragment != "":
		c.add(unquoted(s, "", "an upstream has no query and no fragment"))
	case u.RawPath != "" || !plainPath.MatchString(u.Path):
		c.add(s.Errorf("", "the path has escapes, empty segments or dots"))
	case !validHost(o.host):
		c.add(s.Errorf("", "the host is neither a DNS name nor an IP address"))
	}
	o.port = c.port(u, s)
	return o
}

func validHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" || err != nil && len(host) <= 253 && dnsName.MatchString(host)
}

func (c *checker) port(u *url.URL, s manifest.String) uint32 {
	switch {
	case u.Port() != "":
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			c.add(s.Errorf("", "the port is not a number from 1 to 65535"))
		}
		return uint32(n)
	case u.Scheme == "https":
		return 443
	default:
		return 80
	}
}

// credentialSpec is the YAML of a credential, one of three: a secret that is sent as it is; a client's secret, for which an
// authorization server gives tokens; or whatever the caller brings for this upstream. A secret's content is in no document: Envoy
// reads the file.
type credentialSpec struct {
	Position    manifest.Position `yaml:"-"`
	Secret      manifest.String   `yaml:"secret"`
	Header      manifest.String   `yaml:"header"`
	Prefix      *manifest.String  `yaml:"prefix"`
	Client      *clientSpec       `yaml:"oauthClientCredentials"`
	Passthrough bool              `yaml:"passthrough"` // of MCP servers, and of providers at which people have subscriptions
}

// clientSpec is the YAML of OAuth's client credentials grant.
type clientSpec struct {
	Position       manifest.Position          `yaml:"-"`
	TokenURL       manifest.String            `yaml:"tokenUrl"`
	ClientID       manifest.String            `yaml:"clientId"`
	Secret         manifest.String            `yaml:"secret"`
	Scopes         []manifest.String          `yaml:"scopes"`
	Authentication manifest.String            `yaml:"authentication"` // basic (default) or body
	Params         map[string]manifest.String `yaml:"params"`         // such as audience or resource
}

var (
	secretName  = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	headerName  = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	valuePrefix = regexp.MustCompile(`^[!-~][ -~]{0,63}$|^$`)
	reserved    = regexp.MustCompile(`^(host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|x-request-id|x-envoy-.*)$`)
)

// credential reads a credential; nil is none. header and prefix are what the upstream usually wants; another header has no prefix
// unless one is named.
func (c *checker) credential(spec *credentialSpec, header, prefix string) *envoyconf.Credential {
	if spec == nil {
		return nil
	}
	static := !isAbsent(spec.Secret) || !isAbsent(spec.Header) || spec.Prefix != nil
	if spec.Client != nil && static || spec.Passthrough && (static || spec.Client != nil) {
		c.add(&manifest.Error{Position: spec.Position, Message: "want one of secret, oauthClientCredentials and passthrough", Text: "credential"})
		return nil
	}
	switch {
	case spec.Passthrough:
		return nil
	case spec.Client != nil:
		return c.clientGrant(spec.Client)
	default:
		return c.static(spec, header, prefix)
	}
}

func (c *checker) static(spec *credentialSpec, header, prefix string) *envoyconf.Credential {
	result := &envoyconf.Credential{Secret: c.secret(spec.Secret, spec.Position), Header: header, Prefix: prefix}
	if !isAbsent(spec.Header) {
		if !headerName.MatchString(spec.Header.Value) || reserved.MatchString(spec.Header.Value) {
			c.add(spec.Header.Errorf("in lower case, as in authorization", "not a header for credentials"))
		}
		if spec.Header.Value != header {
			result.Header, result.Prefix = spec.Header.Value, ""
		}
	}
	if spec.Prefix != nil {
		if !valuePrefix.MatchString(spec.Prefix.Value) {
			c.add(spec.Prefix.Errorf(`as in "Bearer "`, "not the beginning of a header value"))
		}
		result.Prefix = spec.Prefix.Value
	}
	return result
}

func (c *checker) secret(s manifest.String, at manifest.Position) string {
	switch {
	case isAbsent(s):
		c.missing(at, "secret")
	case !secretName.MatchString(s.Value):
		c.add(unquoted(s, "lower-case letters, digits and '-'; never the key itself", "not the name of a secret"))
	}
	return s.Value
}

func (c *checker) clientGrant(spec *clientSpec) *envoyconf.Credential {
	if isAbsent(spec.TokenURL) {
		c.missing(spec.Position, "tokenUrl")
	}
	if spec.ClientID.Value == "" {
		c.missing(spec.Position, "clientId")
	}
	grant := &envoyconf.ClientGrant{
		ClientID: spec.ClientID.Value, Scopes: c.scopes(spec.Scopes),
		InBody: c.oneOf(spec.Authentication, "basic", "basic", "body") == "body",
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Params)) {
		grant.Params = append(grant.Params, envoyconf.Param{Name: name, Value: spec.Params[name].Value})
	}
	if !isAbsent(spec.TokenURL) {
		at := c.site(spec.TokenURL, spec.Position)
		grant.Endpoint = envoyconf.Site{URL: spec.TokenURL.Value, Upstream: at.upstream("", nil, Options{})}
	}
	return &envoyconf.Credential{Secret: c.secret(spec.Secret, spec.Position), Client: grant}
}

// upstream is the cluster of that name. So is the authorization server that gives it tokens.
func (o origin) upstream(cluster string, credential *envoyconf.Credential, opt Options) *envoyconf.Upstream {
	if credential != nil && credential.Client != nil && credential.Client.Endpoint.Upstream != nil {
		site := credential.Client.Endpoint.Upstream
		site.Cluster, site.CAFile = "token/"+cluster, opt.CAFile
	}
	return &envoyconf.Upstream{Cluster: cluster, Host: o.host, Port: o.port, TLS: o.tls, CAFile: opt.CAFile, Credential: credential}
}
