package faketest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go/auth/bearer"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"bartizan/test/fake"
)

// Bedrock starts a fake of Amazon Bedrock's runtime API.
func Bedrock(tb testing.TB, o fake.Options) *fake.Vendor {
	tb.Helper()
	v, err := fake.StartBedrock(tb.Context(), o)
	return started(tb, v, err)
}

// BedrockClient is AWS's own client with an API key, which it sends in the clear too.
func BedrockClient(url, key string, through bedrockruntime.HTTPClient) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: through, Retryer: retry.NewStandard(), AuthSchemePreference: []string{"httpBearerAuth"},
		BearerAuthTokenProvider: bearer.StaticTokenProvider{Token: bearer.Token{Value: key}}, BearerAuthSigner: overHTTP{},
	})
}

// overHTTP does what the client's own signer refuses without TLS.
type overHTTP struct{}

func (overHTTP) SignWithBearerToken(_ context.Context, token bearer.Token, m bearer.Message) (bearer.Message, error) {
	m.(*smithyhttp.Request).Header.Set("Authorization", "Bearer "+token.Value)
	return m, nil
}
