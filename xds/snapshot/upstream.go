package snapshot

import (
	"net/netip"
	"net/url"
	"regexp"
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

// credentialSpec is the YAML of a credential. The secret's content is in no document: Envoy reads the file.
type credentialSpec struct {
	Position manifest.Position `yaml:"-"`
	Secret   manifest.String   `yaml:"secret"`
	Header   manifest.String   `yaml:"header"`
	Prefix   *manifest.String  `yaml:"prefix"`
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
	result := &envoyconf.Credential{Secret: spec.Secret.Value, Header: header, Prefix: prefix}
	switch {
	case isAbsent(spec.Secret):
		c.missing(spec.Position, "secret")
	case !secretName.MatchString(spec.Secret.Value):
		c.add(unquoted(spec.Secret, "lower-case letters, digits and '-'; never the key itself", "not the name of a secret"))
	}
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

func (o origin) upstream(cluster string, credential *envoyconf.Credential, opt Options) *envoyconf.Upstream {
	return &envoyconf.Upstream{Cluster: cluster, Host: o.host, Port: o.port, TLS: o.tls, CAFile: opt.CAFile, Credential: credential}
}
