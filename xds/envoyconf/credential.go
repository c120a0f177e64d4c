package envoyconf

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	injectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/credential_injector/v3"
	upstreamcodecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	genericv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/injected_credentials/generic/v3"
	oauth2v3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/injected_credentials/oauth2/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// upstreamFilters run behind the router, where extproc cannot see them: there the credential is put in. It replaces whatever the
// request still carries in that header; a request for which there is none goes nowhere.
func upstreamFilters(c *Credential) []*hcmv3.HttpFilter {
	codec := httpFilter("upstream_codec", &upstreamcodecv3.UpstreamCodec{})
	if c == nil {
		return []*hcmv3.HttpFilter{codec}
	}
	injector := httpFilter("credential_injector", &injectorv3.CredentialInjector{
		Overwrite:                     true,
		AllowRequestWithoutCredential: false,
		Credential:                    c.extension(),
	})
	return []*hcmv3.HttpFilter{injector, codec}
}

func (c *Credential) extension() *corev3.TypedExtensionConfig {
	secret := &tlsv3.SdsSecretConfig{Name: secretName(c.Secret), SdsConfig: ownStream()}
	if c.Client != nil {
		return &corev3.TypedExtensionConfig{Name: "oauth2", TypedConfig: pack(c.Client.config(secret))}
	}
	return &corev3.TypedExtensionConfig{Name: "generic", TypedConfig: pack(&genericv3.Generic{
		Credential: secret, Header: c.Header, HeaderValuePrefix: c.Prefix,
	})}
}

// config lets Envoy fetch the token, and a new one before it expires.
func (g *ClientGrant) config(secret *tlsv3.SdsSecretConfig) *oauth2v3.OAuth2 {
	config := &oauth2v3.OAuth2{
		TokenEndpoint: g.Endpoint.uri(),
		Scopes:        g.Scopes,
		FlowType: &oauth2v3.OAuth2_ClientCredentials_{ClientCredentials: &oauth2v3.OAuth2_ClientCredentials{
			ClientId: g.ClientID, ClientSecret: secret,
		}},
		TokenFetchRetryInterval: duration(time.Second), // the first try always fails: the secret is on its way
	}
	if g.InBody {
		config.GetClientCredentials().AuthType = oauth2v3.OAuth2_URL_ENCODED_BODY
	}
	for _, p := range g.Params {
		config.EndpointParams = append(config.EndpointParams, &oauth2v3.OAuth2_EndpointParameter{Name: p.Name, Value: p.Value})
	}
	return config
}

// ownStream asks the control server for one secret on a stream of its own (its SecretDiscoveryService). On the common ADS stream
// a secret whose file is missing takes all others of the same answer down with it, until Envoy starts anew. So only its own upstream
// is without a credential, and only until the file appears: Envoy watches for it.
func ownStream() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion: corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			GrpcServices:              []*corev3.GrpcService{grpcService(ClusterXDS)},
			SetNodeOnFirstMessageOnly: true,
		}},
	}
}
