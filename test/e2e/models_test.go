package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"google.golang.org/genai"

	"bartizan/test/env"
)

// shelf is what a provider has, two models a page as Anthropic and Google list them.
var shelf = []string{"claude-haiku-5-5", "claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5", "claude-fable-5"}

// catalogue lists the shelf in all three dialects.
func catalogue(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/models/"):
		fmt.Fprintf(w, `{"type":"model","id":%q,"display_name":"","created_at":"2026-01-01T00:00:00Z"}`, strings.TrimPrefix(r.URL.Path, "/v1/models/"))
	case r.URL.Path == "/v1beta/models":
		page, next := pageAfter(q.Get("pageToken"))
		token := ""
		if next {
			token = fmt.Sprintf(`,"nextPageToken":%q`, page[len(page)-1])
		}
		fmt.Fprintf(w, `{"models":[%s]%s}`, elements(page, `{"name":"models/%s","displayName":"a model"}`), token)
	case q.Has("limit"):
		page, next := pageAfter(q.Get("after_id"))
		fmt.Fprintf(w, `{"data":[%s],"has_more":%t,"first_id":%q,"last_id":%q}`,
			elements(page, `{"type":"model","id":%q,"display_name":"","created_at":"2026-01-01T00:00:00Z"}`), next, page[0], page[len(page)-1])
	default:
		fmt.Fprintf(w, `{"object":"list","data":[%s]}`, elements(shelf, `{"id":%q,"object":"model","created":1790000000,"owned_by":"x"}`))
	}
}

// pageAfter is the page behind a model, and whether there is another.
func pageAfter(model string) (page []string, next bool) {
	rest := shelf[slices.Index(shelf, model)+1:]
	return rest[:min(2, len(rest))], len(rest) > 2
}

func elements(models []string, format string) string {
	var all []string
	for _, m := range models {
		all = append(all, fmt.Sprintf(format, m))
	}
	return strings.Join(all, ",")
}

// TestModelLists: each caller's list shows what he may use, through the vendors' own iterators and over pages; a model that he may not use is not
// there for him by its name either. Without a ModelAccess the list is the provider's.
func TestModelLists(t *testing.T) {
	w, vendor := start(t, env.FleetOptions{}), httptest.NewServer(http.HandlerFunc(catalogue))
	t.Cleanup(vendor.Close)
	providers := ""
	for _, dialect := range []string{"anthropic", "openai", "gemini"} {
		providers += fmt.Sprintf("---\napiVersion: bartizan/v1\nkind: Provider\nmetadata: { name: shelf-%s }\nspec: { dialect: %[1]s, url: %q, operations: [models.*], credential: { secret: openai-key } }\n",
			dialect, vendor.URL)
	}
	w.live(t, map[string]string{"shelf.yaml": providers})
	for name, list := range w.listers(t) {
		if got := list(t, aliceKey); !slices.Equal(got, shelf) {
			t.Errorf("%s, without a ModelAccess: %v", name, got)
		}
	}

	w.live(t, map[string]string{"access.yaml": `apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: everybody }
spec: { models: ["claude-haiku-*"] }
---
apiVersion: bartizan/v1
kind: ModelAccess
metadata: { name: platform }
spec: { models: [claude-opus-5-5], expression: "'platform' in identity.groups" }
`})
	for name, list := range w.listers(t) {
		if got := list(t, aliceKey); !slices.Equal(got, []string{"claude-haiku-5-5", "claude-haiku-4-5"}) {
			t.Errorf("%s, alice: %v", name, got)
		}
		if got := list(t, bobKey); !slices.Equal(got, []string{"claude-haiku-5-5", "claude-opus-5-5", "claude-haiku-4-5"}) {
			t.Errorf("%s, bob: %v", name, got)
		}
	}
	t.Run("record", func(t *testing.T) {
		req := w.post(t, "/shelf-openai/v1/models", aliceKey, "")
		req.Method = http.MethodGet
		a := call(t, req)
		if e := w.decision(t, a.decision()); a.status != 200 || e.Own().Outcome != "allow" || !strings.Contains(string(e.Raw), `"models_offered":5,"models_shown":2`) {
			t.Errorf("%d %s, record %s", a.status, a.body, e.Raw)
		}
	})
	t.Run("by name", w.modelByName)
}

// listers list models with the vendors' SDKs.
func (w *world) listers(t *testing.T) map[string]func(*testing.T, string) []string {
	t.Helper()
	return map[string]func(*testing.T, string) []string{
		"anthropic": func(t *testing.T, key string) (got []string) {
			client := w.anthropicClient(key, anthropicoption.WithBaseURL(w.URL+"/shelf-anthropic"))
			pages := client.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{Limit: anthropic.Int(2)})
			for pages.Next() {
				got = append(got, pages.Current().ID)
			}
			if err := pages.Err(); err != nil {
				t.Error(err)
			}
			return got
		},
		"openai": func(t *testing.T, key string) (got []string) {
			client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/shelf-openai/v1"), openaioption.WithAPIKey(key))
			pages := client.Models.ListAutoPaging(t.Context())
			for pages.Next() {
				got = append(got, pages.Current().ID)
			}
			if err := pages.Err(); err != nil {
				t.Error(err)
			}
			return got
		},
		"gemini": func(t *testing.T, key string) (got []string) {
			client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
				APIKey: key, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: w.URL + "/shelf-gemini"},
			})
			if err != nil {
				t.Fatal(err)
			}
			for model, err := range client.Models.All(t.Context()) {
				if err != nil {
					t.Error(err)
					break
				}
				got = append(got, strings.TrimPrefix(model.Name, "models/"))
			}
			return got
		},
	}
}

// modelByName: what is not admitted is refused as in a call.
func (w *world) modelByName(t *testing.T) {
	for _, c := range []struct {
		key, model string
		admitted   bool
	}{
		{aliceKey, "claude-haiku-5-5", true}, {aliceKey, "claude-sonnet-5", false}, {bobKey, "claude-sonnet-5", false}, {bobKey, "claude-opus-5-5", true},
	} {
		client := openai.NewClient(openaioption.WithBaseURL(w.URL+"/shelf-openai/v1"), openaioption.WithAPIKey(c.key))
		model, err := client.Models.Get(t.Context(), c.model)
		var refused *openai.Error
		switch {
		case c.admitted && (err != nil || model.ID != c.model):
			t.Errorf("%s: %v", c.model, err)
		case !c.admitted && (!errors.As(err, &refused) || refused.StatusCode != http.StatusUnavailableForLegalReasons || !strings.Contains(refused.Message, "NotAdmitted")):
			t.Errorf("%s: %v", c.model, err)
		}
	}
}
