package bundle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/filters"
	"bartizan/xds/bundlepb"
)

func TestIdentifyToken(t *testing.T) {
	issuer := &bundlepb.Issuer{
		Name: "corp", Url: "https://login", Algorithms: []string{"ES256"}, User: "email", Groups: "realm.roles", Claims: []string{"site", "https://x.y/z"},
	}
	b := &Bundle{issuers: map[string]*bundlepb.Issuer{issuer.GetUrl(): issuer}}
	fixed := &bundlepb.Issuer{Name: "fixed", Url: "https://fixed", Audiences: []string{"api://us"}, Algorithms: []string{"ES256"}, User: "sub"}
	b.issuers[fixed.GetUrl()] = fixed
	const here = "https://ai/mcp/w"
	good := map[string]any{
		"iss": "https://login", "aud": here, "email": "ana@example.com", "realm": map[string]any{"roles": []any{"a", 7.0, true, map[string]any{}, []any{"x"}}},
		"scope": "r w", "scp": []any{"z"}, "site": "wien", "https://x.y/z": 3.0,
	}
	for _, test := range []struct {
		name      string
		change    map[string]any
		algorithm string
		resource  string
		says      string // empty: identified
	}{
		{"good", nil, "ES256", here, ""},
		{"one of several audiences", map[string]any{"aud": []any{"x", here}}, "ES256", here, ""},
		{"another path", nil, "ES256", "https://ai/mcp/other", "another audience: want https://ai/mcp/other"},
		{"no path", map[string]any{"aud": ""}, "ES256", "", "another audience"},
		{"a fixed audience", map[string]any{"iss": "https://fixed", "aud": "api://us", "sub": "u"}, "ES256", here, ""},
		{"the path in place of the fixed audience", map[string]any{"iss": "https://fixed", "sub": "u"}, "ES256", here, "want api://us"},
		{"no audience", map[string]any{"aud": nil}, "ES256", here, "another audience"},
		{"no user", map[string]any{"email": ""}, "ES256", here, "no claim email"},
		{"a user that is an object", map[string]any{"email": map[string]any{"x": "y"}}, "ES256", here, "no claim email"},
		{"another algorithm", nil, "HS256", here, "does not sign like this"},
		{"another issuer", map[string]any{"iss": "https://evil"}, "ES256", here, "its issuer is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims, err := structpb.NewStruct(good)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range test.change {
				if claims.Fields[name], err = structpb.NewValue(value); err != nil {
					t.Fatal(err)
				}
			}
			who, err := b.IdentifyToken(Token{Claims: claims.GetFields(), Algorithm: test.algorithm}, test.resource)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Fatalf("%+v, error %v; want %q", who, err, test.says)
			}
			if test.says != "" && who.Known() {
				t.Error("refused, and somebody all the same")
			}
			if test.name != "good" {
				return
			}
			want := filters.Identity{
				Method: "jwt", User: "ana@example.com", Issuer: "corp", Groups: []string{"a", "7", "true"}, Scopes: []string{"r", "w", "z"},
				Claims: map[string]string{"site": "wien", "https://x.y/z": "3"},
			}
			if diff := cmp.Diff(want, who); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := b.IdentifyToken(Token{Failure: "Jwt is expired"}, here); err == nil || !strings.Contains(err.Error(), "Jwt is expired") {
		t.Errorf("a token that failed: %v", err)
	}
}
