package fake

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// IssuerOptions configure a fake authorization server.
type IssuerOptions struct {
	// Listen is a loopback host:port; empty: any free port of 127.0.0.1.
	Listen string
	// ClientID and ClientSecret are those of the one confidential client.
	ClientID, ClientSecret string
	// User is who logs in at the authorization endpoint, at once and without a question.
	User map[string]any // claims
	// Lifetime of the tokens that the token endpoint gives; 0: five minutes.
	Lifetime time.Duration
}

// Issuer is a fake authorization server: metadata (RFC 8414), keys, and tokens by the grants client_credentials and
// authorization_code with PKCE. Its tokens are JWTs, signed with ES256.
type Issuer struct {
	*Server
	Recorder
	opts IssuerOptions

	mu     sync.Mutex
	keys   []issuerKey // the last one signs
	codes  map[string]url.Values
	serial int
}

type issuerKey struct {
	id      string
	private *ecdsa.PrivateKey
}

// JWKSPath is where the fake issuer shows its keys, and TokenPath where it gives tokens.
const (
	JWKSPath  = "/jwks"
	TokenPath = "/token"
)

// StartIssuer starts a fake authorization server. It runs until ctx ends or Close.
func StartIssuer(ctx context.Context, o IssuerOptions) (*Issuer, error) {
	i := &Issuer{opts: o, codes: map[string]url.Values{}}
	if err := i.Rotate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", i.metadata)
	mux.HandleFunc("GET "+JWKSPath, i.showKeys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST "+TokenPath, i.token)
	s, err := serve(ctx, o.Listen, i.record(mux))
	i.Server = s
	return i, err
}

// Rotate signs with a new key from now on, and shows no other.
func (i *Issuer) Rotate() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serial++
	i.keys = []issuerKey{{fmt.Sprintf("key-%d", i.serial), private}}
	return nil
}

// Claims are those of a good token: for audience, in force for the lifetime of tokens, with more on top.
func (i *Issuer) Claims(audience string, more map[string]any) jwt.MapClaims {
	life := i.opts.Lifetime
	if life == 0 {
		life = 5 * time.Minute
	}
	claims := jwt.MapClaims{"iss": i.URL(), "aud": audience, "iat": time.Now().Unix(), "exp": time.Now().Add(life).Unix()}
	for name, value := range more {
		claims[name] = value
	}
	return claims
}

// Sign makes a token of any claims, good or bad, with the present key.
func (i *Issuer) Sign(claims jwt.MapClaims) string {
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	return signed(jwt.SigningMethodES256, key.id, claims, key.private)
}

// SignAs makes a token that says of its key what it wants. A nil key is replaced by the present one.
func (i *Issuer) SignAs(method jwt.SigningMethod, kid string, claims jwt.MapClaims, key any) string {
	if key == nil {
		i.mu.Lock()
		key = i.keys[len(i.keys)-1].private
		i.mu.Unlock()
	}
	return signed(method, kid, claims, key)
}

func signed(method jwt.SigningMethod, kid string, claims jwt.MapClaims, key any) string {
	t := jwt.NewWithClaims(method, claims)
	t.Header["kid"] = kid
	text, err := t.SignedString(key)
	if err != nil {
		panic(fmt.Sprintf("sign a token: %v", err)) // a mistake of the test
	}
	return text
}

// KeySet is the present JWKS.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []map[string]string{}
	for _, k := range i.keys {
		point, err := k.private.PublicKey.Bytes() // 4, x, y
		if err != nil {
			panic(fmt.Sprintf("encode a key: %v", err))
		}
		half := (len(point) - 1) / 2
		keys = append(keys, map[string]string{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": k.id,
			"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+half]), "y": base64.RawURLEncoding.EncodeToString(point[1+half:]),
		})
	}
	data, _ := json.Marshal(map[string]any{"keys": keys})
	return data
}

func (i *Issuer) showKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(i.KeySet())
}

func (i *Issuer) metadata(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{
		"issuer": i.URL(), "jwks_uri": i.URL() + JWKSPath,
		"authorization_endpoint": i.URL() + "/authorize", "token_endpoint": i.URL() + TokenPath,
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "client_credentials"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
	})
}

// authorize logs the user in and sends him back with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("code_challenge_method") != "S256" || q.Get("resource") == "" {
		http.Error(w, "want redirect_uri, code_challenge and resource", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.mu.Lock()
	i.codes[code] = q
	i.mu.Unlock()
	answer := back.Query()
	answer.Set("code", code)
	answer.Set("state", q.Get("state"))
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		i.grantClient(w, r)
	case "authorization_code":
		i.grantCode(w, r)
	default:
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
	}
}

func (i *Issuer) grantClient(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id != i.opts.ClientID || secret != i.opts.ClientSecret || secret == "" {
		answerJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	i.give(w, r.PostForm, map[string]any{"sub": id})
}

// grantCode wants the verifier of the challenge (RFC 7636).
func (i *Issuer) grantCode(w http.ResponseWriter, r *http.Request) {
	code := r.PostForm.Get("code")
	i.mu.Lock()
	asked, known := i.codes[code]
	delete(i.codes, code)
	i.mu.Unlock()
	verifier := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !known || base64.RawURLEncoding.EncodeToString(verifier[:]) != asked.Get("code_challenge") {
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	i.give(w, asked, i.opts.User)
}

// give makes the token that was asked for.
func (i *Issuer) give(w http.ResponseWriter, asked url.Values, who map[string]any) {
	audience := slices.Concat(asked["resource"], asked["audience"], []string{""})[0]
	claims := i.Claims(audience, who)
	if scope := asked.Get("scope"); scope != "" {
		claims["scope"] = scope
	}
	life := claims["exp"].(int64) - claims["iat"].(int64)
	answerJSON(w, http.StatusOK, map[string]any{
		"access_token": i.Sign(claims), "token_type": "Bearer", "expires_in": life, "scope": strings.TrimSpace(asked.Get("scope")),
	})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
