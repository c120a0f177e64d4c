package snapshot

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
	"bartizan/xds/envoyconf"
)

// issuerSpec is the YAML of an issuer of tokens.
type issuerSpec struct {
	Position   manifest.Position `yaml:"-"`
	Name       manifest.String   `yaml:"name"`
	URL        manifest.String   `yaml:"url"`        // the claim iss, letter for letter
	Audiences  []manifest.String `yaml:"audiences"`  // absent: the URL of the path that is called
	Algorithms []manifest.String `yaml:"algorithms"` // absent: all that we know
	JWKS       *jwksSpec         `yaml:"jwks"`
	Claims     claimsSpec        `yaml:"claims"`
}

// jwksSpec: keys have a place or stand here.
type jwksSpec struct {
	Position manifest.Position `yaml:"-"`
	URL      manifest.String   `yaml:"url"`
	Refresh  manifest.String   `yaml:"refresh"` // default 5m
	Inline   manifest.String   `yaml:"inline"`
}

type claimsSpec struct {
	User   manifest.String   `yaml:"user"`   // default sub
	Groups manifest.String   `yaml:"groups"` // absent: tokens give no groups
	Others []manifest.String `yaml:"others"` // what rules may read besides
}

// issuer is a checked issuer: Envoy's part and extproc's.
type issuer struct {
	conf   envoyconf.Issuer
	bundle *bundlepb.Issuer
}

// Bounds of what an issuer may ask for.
const (
	defaultRefresh = 5 * time.Minute
	maxClaims      = 16
	maxKeySet      = 64 << 10 // bytes of an inline key set
)

// algorithms are those with a public key. With a shared one, whoever can verify a token can make it.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

var (
	claimName = regexp.MustCompile(`^[!-~]{1,128}$`)
	scopeName = regexp.MustCompile(`^[!#-\[\]-~]{1,128}$`) // RFC 6749, section 3.3
)

func (c *checker) issuers(specs []issuerSpec, opt Options) []issuer {
	var issuers []issuer
	names, urls := seen{}, seen{}
	for _, spec := range specs {
		c.name(spec.Name, spec.Position, "name")
		c.add(names.twice(spec.Name, spec.Name.Value, "issuer of this name"), urls.twice(spec.URL, spec.URL.Value, "issuer of this url"))
		issuers = append(issuers, c.issuer(spec, opt))
	}
	return issuers
}

func (c *checker) issuer(spec issuerSpec, opt Options) issuer {
	c.site(spec.URL, spec.Position)
	conf := envoyconf.Issuer{Name: spec.Name.Value, URL: spec.URL.Value, Audiences: values(spec.Audiences)}
	c.keySet(&conf, spec, opt)
	return issuer{conf: conf, bundle: &bundlepb.Issuer{
		Name: conf.Name, Url: conf.URL, Audiences: conf.Audiences,
		Algorithms: c.algorithms(spec.Algorithms),
		User:       cmp.Or(c.claim(spec.Claims.User), "sub"),
		Groups:     c.claim(spec.Claims.Groups),
		Claims:     c.claims(spec.Claims.Others),
	}}
}

func (c *checker) keySet(conf *envoyconf.Issuer, spec issuerSpec, opt Options) {
	switch {
	case spec.JWKS == nil:
		c.missing(spec.Position, "jwks")
	case isAbsent(spec.JWKS.URL) == isAbsent(spec.JWKS.Inline):
		c.add(&manifest.Error{Position: spec.JWKS.Position, Message: "want either url or inline", Text: "jwks"})
	case isAbsent(spec.JWKS.URL):
		c.inlineKeys(spec.JWKS.Inline)
		conf.KeySet = spec.JWKS.Inline.Value
	default:
		at := c.site(spec.JWKS.URL, spec.JWKS.Position)
		conf.Keys = &envoyconf.Site{URL: spec.JWKS.URL.Value, Upstream: at.upstream("issuer/"+conf.Name, nil, opt)}
		conf.Refresh = c.duration(spec.JWKS.Refresh, defaultRefresh, time.Second, 24*time.Hour)
	}
}

// inlineKeys wants public keys. It shows none of the text: it may be a private one.
func (c *checker) inlineKeys(s manifest.String) {
	var set struct {
		Keys []map[string]jsontext.Value `json:"keys"`
	}
	err := json.Unmarshal([]byte(s.Value), &set)
	switch {
	case len(s.Value) > maxKeySet:
		c.add(unquoted(s, "", "the key set is too large"))
		return
	case err != nil || len(set.Keys) == 0:
		c.add(unquoted(s, `as in '{"keys": [{"kty": "EC", "kid": "1", ...}]}'`, "not a JWKS (RFC 7517)"))
		return
	}
	for _, key := range set.Keys {
		_, private := key["d"]
		if !slices.Contains([]string{`"RSA"`, `"EC"`, `"OKP"`}, string(key["kty"])) || private {
			c.add(unquoted(s, "kty is RSA, EC or OKP, and there is no d", "the key set holds a key that is not public"))
			return
		}
	}
}

// site is a URL where secrets or keys are exchanged: nobody may read along, or answer in another's name.
func (c *checker) site(s manifest.String, at manifest.Position) origin {
	before := len(c.errs)
	o := c.url(s, at)
	if len(c.errs) == before && !o.tls && !isLoopback(o.host) {
		c.add(s.Errorf("http is for this machine only", "want an https URL"))
	}
	return o
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// externalURL is how callers reach the gateway: what their tokens are for.
func (c *checker) externalURL(spec gatewaySpec) string {
	if isAbsent(spec.URL) {
		if len(spec.Issuers) > 0 {
			c.missing(spec.Position, "url")
		}
		return ""
	}
	o := c.site(spec.URL, spec.Position)
	if o.path != "" && o.path != "/" {
		c.add(spec.URL.Errorf("as in https://ai.example.com", "the gateway has no path of its own"))
	}
	u, err := url.Parse(spec.URL.Value)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (c *checker) algorithms(names []manifest.String) []string {
	if names == nil {
		return algorithms
	}
	for _, s := range names {
		if !slices.Contains(algorithms, s.Value) {
			c.add(s.Errorf(manifest.Suggest(s.Value, algorithms), "not an algorithm with a public key"))
		}
	}
	return values(names)
}

func (c *checker) claims(names []manifest.String) []string {
	once := seen{}
	for i, s := range names {
		c.claim(s)
		c.add(once.twice(s, s.Value, "mention of this claim"))
		if i == maxClaims {
			c.add(s.Errorf("", "more than %d claims", maxClaims))
		}
	}
	return values(names)
}

// claim is the name of a claim, or its path: realm_access.roles.
func (c *checker) claim(s manifest.String) string {
	if !isAbsent(s) && !claimName.MatchString(s.Value) {
		c.add(s.Errorf("as in email or realm_access.roles", "not a claim"))
	}
	return s.Value
}

func (c *checker) scopes(names []manifest.String) []string {
	once := seen{}
	for _, s := range names {
		if !scopeName.MatchString(s.Value) {
			c.add(s.Errorf("", "not a scope (RFC 6749, section 3.3)"))
		}
		c.add(once.twice(s, s.Value, "mention of this scope"))
	}
	return values(names)
}

func values(list []manifest.String) []string {
	var texts []string
	for _, s := range list {
		texts = append(texts, s.Value)
	}
	return texts
}
