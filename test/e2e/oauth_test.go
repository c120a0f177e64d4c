package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"bartizan/extproc/audit/tail"
	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/test/fake"
)

// oauthWorld is a world with an authorization server, whose tokens the gateway believes.
type oauthWorld struct {
	*world
	issuer *fake.Issuer
	client *fake.MCP // wants a token of the issuer, by client credentials
	own    *fake.MCP // wants each user's own token
}

const ownToken = "anas-own-token-for-this-server"

func startOAuth(t *testing.T) *oauthWorld {
	t.Helper()
	w := &oauthWorld{world: start(t, env.FleetOptions{})}
	ana := map[string]any{"sub": "u-1", "email": "ana@example.com", "realm_access": map[string]any{"roles": []string{"finance", "staff"}}, "department": "treasury"}
	address, err := env.FreeAddress() // to which an issuer that was away comes back
	if err != nil {
		t.Fatal(err)
	}
	if w.issuer, err = fake.StartIssuer(t.Context(), fake.IssuerOptions{Listen: address, ClientID: "bartizan", ClientSecret: mcpClient, User: ana}); err != nil {
		t.Fatal(err)
	}
	if w.client, err = fake.StartMCP(t.Context(), fake.MCPOptions{Stateless: true, JSON: true, Accept: w.isClientToken}); err != nil {
		t.Fatal(err)
	}
	if w.own, err = fake.StartMCP(t.Context(), fake.MCPOptions{Stateless: true, JSON: true, Token: ownToken}); err != nil {
		t.Fatal(err)
	}
	w.awaitLive(t, w.commit(t, map[string]string{"gateway.yaml": w.gateway("1s"), "oauth.yaml": w.servers()}))
	return w
}

// isClientToken accepts what the token endpoint gave to the gateway, for the server's own audience.
func (w *oauthWorld) isClientToken(token string) bool {
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	return err == nil && claims["aud"] == "urn:upstream" && claims["sub"] == "bartizan" && claims["scope"] == "read"
}

func (w *oauthWorld) gateway(refresh string) string {
	return fmt.Sprintf(`apiVersion: bartizan/v1
kind: Gateway
metadata: { name: e2e }
spec:
  url: %s
  listeners: [{ name: http, port: 0 }]
  virtualKeys:
    - { name: alice, sha256: %x, user: alice@example.com, groups: [finance] }
  issuers:
    - name: corp
      url: %s
      jwks: { url: %s, refresh: %s }
      claims: { user: email, groups: realm_access.roles, others: [department] }
`, w.URL, sha256.Sum256([]byte(aliceKey)), w.issuer.URL(), w.issuer.URL()+fake.JWKSPath, refresh)
}

func (w *oauthWorld) servers() string {
	return fmt.Sprintf(`apiVersion: bartizan/v1
kind: McpServer
metadata: { name: scoped }
spec:
  url: %[1]s
  scopes: [sales.read]
  tools: [{ name: query_sales, annotations: { readOnlyHint: true } }]
  credential: { secret: mcp-token }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: client }
spec:
  url: %[2]s
  credential:
    oauthClientCredentials:
      tokenUrl: %[3]s
      clientId: bartizan
      secret: mcp-client
      scopes: [read]
      params: { audience: "urn:upstream" }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: own }
spec:
  url: %[4]s
  credential: { passthrough: true }
---
apiVersion: bartizan/v1
kind: Policy
metadata: { name: treasury }
spec:
  surface: mcp
  rules:
    - name: writes
      on: [tools/call]
      expression: mcp.tool.name == 'update_sales' && identity.method == 'jwt' && !('sales.write' in identity.scopes && identity.claims['department'] == 'treasury')
      action: deny
      reason: Only the treasury writes.
`, w.modern.URL()+fake.MCPPath, w.client.URL()+fake.MCPPath, w.issuer.URL()+fake.TokenPath, w.own.URL()+fake.MCPPath)
}

// resource is what a token for a server is for.
func (w *oauthWorld) resource(server string) string { return w.URL + "/mcp/" + server }

// good are the claims of a good token for a server.
func (w *oauthWorld) good(server string, more map[string]any) jwt.MapClaims {
	claims := map[string]any{"sub": "u-1", "email": "ana@example.com", "realm_access": map[string]any{"roles": []any{"finance", "staff"}}, "department": "treasury"}
	maps.Copy(claims, more)
	return w.issuer.Claims(w.resource(server), claims)
}

// listed asks a server for its tools.
func (w *oauthWorld) listed(t testing.TB, server, authorization string) answer {
	t.Helper()
	return call(t, w.listing(t, server, authorization))
}

func (w *oauthWorld) listing(t testing.TB, server, authorization string) *http.Request {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	req := w.post(t, "/mcp/"+server, "", body)
	req.Header.Set("mcp-protocol-version", "2026-07-28")
	req.Header.Set("mcp-method", "tools/list")
	if authorization != "" {
		req.Header.Set("authorization", authorization)
	}
	return req
}

// TestOAuth is what does not disturb the authorization server.
func TestOAuth(t *testing.T) {
	w := startOAuth(t)
	for name, test := range map[string]func(*testing.T){
		"tokens": w.tokens, "identity": w.tokenIdentity, "scope": w.insufficientScope, "metadata": w.metadata, "models": w.modelsTakeTokens,
		"upstreams": w.upstreamCredentials, "flow": w.oauthFlow,
	} {
		t.Run(name, test)
	}
}

func (w *oauthWorld) tokens(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	without := func(name string) jwt.MapClaims {
		claims := w.good("modern", nil)
		delete(claims, name)
		return claims
	}
	signed := w.issuer.Sign(w.good("modern", nil))
	for _, test := range []struct {
		name, authorization string
		status              int
		says                string
	}{
		{"a good token", "Bearer " + signed, 200, `"query_sales"`},
		{"the scheme in lower case", "bearer " + signed, 200, `"query_sales"`},
		{"a list of audiences", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"aud": []string{"urn:other", w.resource("modern")}})), 200, `"query_sales"`},
		{"a virtual key", "Bearer " + aliceKey, 200, `"query_sales"`},
		{"nothing", "", 401, "log in"},
		{"an unknown key", "Bearer bz-unknown", 401, "not one of the gateway's virtual keys"},
		{"no bearer", "Basic " + signed, 403, "not of the form"},
		{"another server's token", "Bearer " + w.issuer.Sign(w.good("scoped", nil)), 401, "for another audience"},
		{"another audience", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"aud": "urn:other"})), 401, "Audiences"},
		{"the audience with a slash", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"aud": w.resource("modern") + "/"})), 401, "for another audience"},
		{"no audience", "Bearer " + w.issuer.Sign(without("aud")), 401, "Audiences"},
		{"expired", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})), 401, "expired"},
		{"not yet", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})), 401, "not yet"},
		{"for ever", "Bearer " + w.issuer.Sign(without("exp")), 401, ""},
		{"no user", "Bearer " + w.issuer.Sign(without("email")), 401, "no claim email"},
		{"another issuer", "Bearer " + w.issuer.Sign(w.good("modern", map[string]any{"iss": "https://evil.example.com"})), 401, "not accepted"},
		{"an unknown kid", "Bearer " + w.issuer.SignAs(jwt.SigningMethodES256, "key-9", w.good("modern", nil), nil), 401, "kid"},
		{"a stranger's key", "Bearer " + w.issuer.SignAs(jwt.SigningMethodES256, "key-1", w.good("modern", nil), stranger), 401, "not accepted"},
		{"alg none", "Bearer " + w.issuer.SignAs(jwt.SigningMethodNone, "key-1", w.good("modern", nil), jwt.UnsafeAllowNoneSignatureType), 401, ""},
		{"a public key as a shared one", "Bearer " + w.issuer.SignAs(jwt.SigningMethodHS256, "key-1", w.good("modern", nil), w.issuer.KeySet()), 401, "not accepted"},
		{"something before the token", "Bearer ~" + signed, 401, ""},
		{"something behind it", "Bearer " + signed + ",x", 401, ""},
		{"two schemes", "Basic Bearer " + signed, 403, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := w.listing(t, "modern", test.authorization)
			name := tagged(req)
			a := call(t, req)
			if a.status != test.status || !strings.Contains(a.body, test.says) {
				t.Errorf("%d %s, want %d and %q", a.status, a.body, test.status, test.says)
			}
			challenge := a.header.Get("www-authenticate")
			if want := fmt.Sprintf("resource_metadata=%q", w.URL+"/.well-known/oauth-protected-resource/mcp/modern"); (test.status == 401) != strings.Contains(challenge, want) {
				t.Errorf("status %d with challenge %q", a.status, challenge)
			}
			if passed := len(w.upstreamOf(name)); passed != 0 && test.status != 200 {
				t.Error("the upstream was called")
			}
			e := w.decision(t, a.decision())
			if token := strings.TrimPrefix(strings.ToLower(test.authorization), "bearer "); token != "" && strings.Contains(strings.ToLower(string(e.Raw)), token) {
				t.Errorf("the record holds the token: %s", e.Raw)
			}
		})
	}
	w.noSecretLeaves(t, w.modern, mcpToken)
}

// noSecretLeaves looks for keys and tokens of callers at an upstream and in logs: only its own credential may be there.
func (w *oauthWorld) noSecretLeaves(t *testing.T, upstream *fake.MCP, credential string) {
	t.Helper()
	for _, q := range upstream.Requests() {
		if got := q.Header.Values("Authorization"); credential != "" && (len(got) != 1 || got[0] != "Bearer "+credential) {
			t.Errorf("the upstream got Authorization %q", got)
		}
		for name, values := range q.Header {
			text := strings.Join(values, ",")
			if strings.Contains(text, aliceKey) || name != "Authorization" && strings.Contains(text, "eyJ") || strings.HasPrefix(strings.ToLower(name), "x-bartizan") {
				t.Errorf("the upstream got %s: %s", name, text)
			}
		}
	}
	for _, secret := range []string{aliceKey, "eyJ", ownToken, mcpClient} {
		if strings.Contains(w.Logs(), secret) {
			t.Errorf("the logs hold %q", secret)
		}
	}
}

// tokenIdentity: who the token names is in the record and in the rules.
func (w *oauthWorld) tokenIdentity(t *testing.T) {
	for _, test := range []struct {
		name   string
		more   map[string]any
		refuse bool
	}{
		{"a token with the scope", map[string]any{"scope": "sales.read sales.write", "realm_access": nil}, false},
		{"scp, as a list", map[string]any{"scp": []string{"sales.read", "sales.write"}, "realm_access": nil}, false},
		{"without the scope", map[string]any{"scope": "sales.read", "realm_access": nil}, true},
		{"of another department", map[string]any{"scope": "sales.read sales.write", "department": "legal", "realm_access": nil}, true},
		{"of finance, who only read", map[string]any{"scope": "sales.read sales.write"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			session := w.mcpSession(t, "scoped", w.issuer.Sign(w.good("scoped", test.more)))
			res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "update_sales", Arguments: map[string]any{"region": "EU", "amount": 1}})
			if err != nil || res.IsError != test.refuse {
				t.Fatalf("%+v, error %v", res, err)
			}
		})
	}
	e := w.recordWhere(t, "the refused call", func(e tail.Event) bool { return e.Own().Outcome == "deny" && e.Own().MCP.Tool == "update_sales" })
	if e.Actor.User.Name != "ana@example.com" || !strings.Contains(string(e.Raw), `"issuer":"corp"`) || !strings.Contains(string(e.Raw), `"method":"jwt"`) {
		t.Errorf("record %s", e.Raw)
	}
	w.noSecretLeaves(t, w.modern, mcpToken)
}

// insufficientScope: a token without the scope of a server is told which one to get; a virtual key has none and needs none.
func (w *oauthWorld) insufficientScope(t *testing.T) {
	a := w.listed(t, "scoped", "Bearer "+w.issuer.Sign(w.good("scoped", nil)))
	challenge := a.header.Get("www-authenticate")
	for _, want := range []string{`error="insufficient_scope"`, `scope="sales.read"`, `resource_metadata="` + w.URL + `/.well-known/oauth-protected-resource/mcp/scoped"`} {
		if a.status != http.StatusForbidden || !strings.Contains(challenge, want) {
			t.Errorf("%d with challenge %q, want %s", a.status, challenge, want)
		}
	}
	if e := w.decision(t, a.decision()); e.Actor.User.Name != "ana@example.com" || e.Own().Outcome != "deny" {
		t.Errorf("record %s", e.Raw)
	}
	if a := w.listed(t, "scoped", "Bearer "+aliceKey); a.status != http.StatusOK {
		t.Errorf("a virtual key: %d %s", a.status, a.body)
	}
}

func (w *oauthWorld) metadata(t *testing.T) {
	a := call(t, w.get(t, "/.well-known/oauth-protected-resource/mcp/scoped"))
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || a.header.Get("content-type") != "application/json" {
		t.Fatalf("%d %v %s: %v", a.status, a.header, a.body, err)
	}
	want := map[string]any{
		"resource": w.resource("scoped"), "resource_name": "scoped", "authorization_servers": []any{w.issuer.URL()},
		"scopes_supported": []any{"sales.read"}, "bearer_methods_supported": []any{"header"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if e := w.decision(t, a.decision()); e.Own().Outcome != "allow" || e.Response.Code != http.StatusOK {
		t.Errorf("record %s", e.Raw)
	}
	for _, path := range []string{"/mcp/nobody", "", "/", "/anthropic"} {
		if a := call(t, w.get(t, "/.well-known/oauth-protected-resource"+path)); a.status != http.StatusNotFound {
			t.Errorf("metadata of %q: %d %s", path, a.status, a.body)
		}
	}
	// A key that is missing where no login would help is still 403: Claude Code tries a 401 eleven times.
	if a := call(t, w.messages(t, "", "claude-sonnet-5", `say:"hi"`, false)); a.status != http.StatusForbidden || a.header.Get("www-authenticate") != "" {
		t.Errorf("a model call without a key: %d %v", a.status, a.header)
	}
}

func (w *oauthWorld) get(t testing.TB, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// modelsTakeTokens: a token may stand wherever a key may; for models it is for the provider's path.
func (w *oauthWorld) modelsTakeTokens(t *testing.T) {
	token := w.issuer.Sign(w.issuer.Claims(w.URL+"/anthropic", map[string]any{"email": "ana@example.com"}))
	req := w.messages(t, token, "claude-sonnet-5", `say:"hi"`, true)
	req.Header.Set("authorization", "Bearer "+token)
	a := call(t, req)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if e := w.decision(t, a.decision()); e.Actor.User.Name != "ana@example.com" {
		t.Errorf("record %s", e.Raw)
	}
	for _, q := range w.anthropic.Requests() {
		if q.Header.Get("x-api-key") != vendorKey || q.Header.Get("authorization") != "" {
			t.Errorf("the provider got %v", q.Header)
		}
	}
	req = w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, true)
	req.Header.Set("authorization", "Bearer "+token)
	if a := call(t, req); a.status != http.StatusForbidden || !strings.Contains(a.body, "two keys that differ") {
		t.Errorf("a key and a token: %d %s", a.status, a.body)
	}
}

// upstreamCredentials: each upstream sees the credential that its document names, and nothing of the caller's.
func (w *oauthWorld) upstreamCredentials(t *testing.T) {
	t.Run("client credentials", func(t *testing.T) {
		await.Until(t, "Envoy to have a token", func() bool { return w.listed(t, "client", "Bearer "+aliceKey).status == http.StatusOK })
		if a := w.listed(t, "client", "Bearer "+w.issuer.Sign(w.good("client", nil))); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
		for _, q := range w.client.Requests() {
			if got := q.Header.Get("Authorization"); !w.isClientToken(strings.TrimPrefix(got, "Bearer ")) {
				t.Errorf("the upstream got %q", got)
			}
		}
		w.noSecretLeaves(t, w.client, "")
	})
	t.Run("passthrough", func(t *testing.T) {
		req := w.listing(t, "own", "Bearer "+aliceKey)
		req.Header.Set("x-bartizan-upstream-authorization", "Bearer "+ownToken)
		a := call(t, req)
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if e := w.decision(t, a.decision()); strings.Contains(string(e.Raw), ownToken) {
			t.Errorf("the record holds the upstream's token: %s", e.Raw)
		}
		if a := w.listed(t, "own", "Bearer "+aliceKey); a.status != http.StatusForbidden || !strings.Contains(a.body, "x-bartizan-upstream-authorization") {
			t.Errorf("without it: %d %s", a.status, a.body)
		}
		w.noSecretLeaves(t, w.own, ownToken)
	})
	t.Run("passthrough is for one server only", func(t *testing.T) {
		req := w.listing(t, "modern", "Bearer "+aliceKey)
		req.Header.Set("x-bartizan-upstream-authorization", "Bearer "+ownToken)
		if a := call(t, req); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		w.noSecretLeaves(t, w.modern, mcpToken)
	})
}

// TestKeyRotation: new keys are believed and old ones are not, without a restart.
func TestKeyRotation(t *testing.T) {
	w := startOAuth(t)
	old := "Bearer " + w.issuer.Sign(w.good("modern", nil))
	if a := w.listed(t, "modern", old); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := w.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := "Bearer " + w.issuer.Sign(w.good("modern", nil))
	await.Until(t, "the new key to be believed", func() bool { return w.listed(t, "modern", fresh).status == http.StatusOK })
	if a := w.listed(t, "modern", old); a.status != http.StatusUnauthorized {
		t.Errorf("a token of the key that is gone: %d %s", a.status, a.body)
	}
}

// TestIssuerAway: while an issuer's keys cannot be had, its tokens are refused with a reason, and virtual keys go on; then tokens do too.
func TestIssuerAway(t *testing.T) {
	w := startOAuth(t)
	w.issuer.Close()
	later := w.issuer.Addr()
	w.awaitLive(t, w.commit(t, map[string]string{"gateway.yaml": strings.Replace(w.gateway("2s"), "name: corp", "name: away", 1)}))

	await.Until(t, "the keys to be away", func() bool {
		return w.listed(t, "modern", "Bearer "+w.issuer.Sign(w.good("modern", nil))).status == http.StatusServiceUnavailable
	})
	a := w.listed(t, "modern", "Bearer "+w.issuer.Sign(w.good("modern", nil)))
	if !strings.Contains(a.body, "the keys of the issuer of this token could not be fetched") || a.header.Get("www-authenticate") != "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if e := w.decision(t, a.decision()); e.Own().Outcome != "error" {
		t.Errorf("record %s", e.Raw)
	}
	if a := w.listed(t, "modern", "Bearer "+aliceKey); a.status != http.StatusOK {
		t.Errorf("a virtual key: %d %s", a.status, a.body)
	}
	again, err := fake.StartIssuer(t.Context(), fake.IssuerOptions{Listen: later})
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = again
	await.Until(t, "the issuer's tokens to be believed", func() bool {
		return w.listed(t, "modern", "Bearer "+w.issuer.Sign(w.good("modern", nil))).status == http.StatusOK
	})
}

// oauthFlow: the official SDK is refused, finds the authorization server, logs in, and calls a tool.
func (w *oauthWorld) oauthFlow(t *testing.T) {
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		PreregisteredClient:      &oauthex.ClientCredentials{ClientID: "agent"},
		RedirectURL:              "http://127.0.0.1:1/callback",
		AuthorizationCodeFetcher: fetchCode,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: w.resource("scoped"), OAuthHandler: handler}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "query_sales", Arguments: map[string]any{"region": "EU"}})
	if err != nil || res.IsError {
		t.Fatalf("%+v, error %v", res, err)
	}
	e := w.recordWhere(t, "the call", func(e tail.Event) bool {
		return e.Own().MCP.Tool == "query_sales" && e.API.Service.Name == "scoped"
	})
	if e.Actor.User.Name != "ana@example.com" || e.Own().Outcome != "allow" {
		t.Errorf("record %s", e.Raw)
	}
	w.noSecretLeaves(t, w.modern, mcpToken)
}

// fetchCode is a browser in which the user is logged in already.
func fetchCode(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	back, err := url.Parse(res.Header.Get("location"))
	if err != nil {
		return nil, err
	}
	return &auth.AuthorizationResult{Code: back.Query().Get("code"), State: back.Query().Get("state")}, nil
}
