package envoyconf_test

import (
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"bartizan/xds/envoyconf"
)

// TestTLSChecksWhoAnswers: the chain alone would let any certificate of a public authority pass for the provider's.
func TestTLSChecksWhoAnswers(t *testing.T) {
	for _, host := range []string{"api.example.com", "10.0.0.7"} {
		c := envoyconf.Cluster(&envoyconf.Upstream{Cluster: "c", Host: host, Port: 443, TLS: true, CAFile: "/ca.pem"})
		tls := new(tlsv3.UpstreamTlsContext)
		if err := c.TransportSocket.GetTypedConfig().UnmarshalTo(tls); err != nil {
			t.Fatal(err)
		}
		validation := tls.CommonTlsContext.GetValidationContext()
		if got := validation.GetTrustedCa().GetFilename(); got != "/ca.pem" {
			t.Errorf("%s: certificates are checked against %q", host, got)
		}
		byName := tls.AutoSniSanValidation && tls.Sni == host
		byAddress := len(validation.MatchTypedSubjectAltNames) == 1 && validation.MatchTypedSubjectAltNames[0].Matcher.GetExact() == host
		if !byName && !byAddress {
			t.Errorf("%s: the certificate's subject is not checked", host)
		}
	}
}

func TestCredentialIsTheLastFilterBeforeTheWire(t *testing.T) {
	for _, test := range []struct {
		credential *envoyconf.Credential
		want       []string
	}{
		{nil, []string{"upstream_codec"}},
		{&envoyconf.Credential{Secret: "s", Header: "x-api-key"}, []string{"credential_injector", "upstream_codec"}},
	} {
		c := envoyconf.Cluster(&envoyconf.Upstream{Cluster: "c", Host: "127.0.0.1", Port: 80, Credential: test.credential})
		options := new(upstreamv3.HttpProtocolOptions)
		for _, packed := range c.TypedExtensionProtocolOptions {
			if err := packed.UnmarshalTo(options); err != nil {
				t.Fatal(err)
			}
		}
		if len(options.HttpFilters) != len(test.want) {
			t.Fatalf("%d upstream filters, want %v", len(options.HttpFilters), test.want)
		}
		for i, name := range test.want {
			if options.HttpFilters[i].Name != name {
				t.Errorf("upstream filter %d is %s, want %s", i, options.HttpFilters[i].Name, name)
			}
		}
	}
}
