package resource_test

import (
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/resource"
	"bartizan/filters/strictjson"
)

// mine are the models whose names begin with "my".
type mine struct{}

func (mine) Shown(*filters.Exchange) func(string) bool {
	return func(model string) bool { return strings.HasPrefix(model, "my") }
}

// everything is every model.
type everything struct{}

func (everything) Shown(*filters.Exchange) func(string) bool { return nil }

// list reads an answer to models.list in two chunks, and returns what passed and what had passed before its end.
func list(models resource.Models, judge filters.AnswerJudge, first, second string) (x *filters.Exchange, early, all string, err error) {
	x = exchange("models.list", "")
	x.Response = filters.Response{Status: 200, MediaType: "application/json"}
	r, err := resource.Codec{Codec: anthropic.Codec{}, Models: models}.Response(x, judge)
	if err != nil {
		return x, "", "", err
	}
	var passed []byte
	for _, chunk := range []string{first, second} {
		p, err := r.Write([]byte(chunk))
		if passed = append(passed, p...); err != nil {
			return x, string(passed), string(passed), err
		}
	}
	last, err := r.Close()
	return x, string(passed), string(append(passed, last...)), err
}

// TestModels: a list shows what its caller may use, and is the same in every other byte.
func TestModels(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		offered, shown   int
	}{
		{
			"anthropic", `{"data": [{"type":"model","id":"a","n":1.0}, {"id":"my-1"},{"id":"b"} ,{"id":"my-2"}], "first_id":"a","has_more":false,"last_id":"my-2"}`,
			`{"data": [{"id":"my-1"} ,{"id":"my-2"}], "first_id":"my-1","has_more":false,"last_id":"my-2"}`, 4, 2,
		},
		{
			"anthropic, ids first", `{"last_id":"b","first_id":"my-1","data":[{"id":"my-1"},{"id":"b"}]}`,
			`{"last_id":"my-1","first_id":"my-1","data":[{"id":"my-1"}]}`, 2, 1,
		},
		{"anthropic, none", `{"data":[{"id":"a"}],"has_more":false,"first_id":"a","last_id":"a"}`, `{"data":[],"has_more":false,"first_id":null,"last_id":null}`, 1, 0},
		{
			"anthropic, a page", `{"data":[{"id":"a"},{"id":"my-1"},{"id":"b"}],"has_more":true,"first_id":"a","last_id":"b"}`,
			`{"data":[{"id":"my-1"}],"has_more":true,"first_id":"a","last_id":"b"}`, 3, 1,
		},
		{"anthropic, all", `{"data":[{"id":"my-1"}],"has_more":false,"first_id":"my-1","last_id":"my-1"}`, "", 1, 1},
		{"anthropic, empty", `{"data":[],"has_more":false,"first_id":null,"last_id":null}`, "", 0, 0},
		{"openai", `{"object":"list","data":[{"id":"my-gpt","owned_by":"a"},{"id":"ft:b"}]}`, `{"object":"list","data":[{"id":"my-gpt","owned_by":"a"}]}`, 2, 1},
		{"a router", `{"data":[{"id":"a","name":"my-1"},{"id":"my\u002d2","name":"b"}]}`, `{"data":[{"id":"my\u002d2","name":"b"}]}`, 2, 1},
		{"a list alone", `[{"id":"a"},{"id":"my-1"}]`, `[{"id":"my-1"}]`, 2, 1},
		{"names alone", `{"data":["a","my-1"]}`, `{"data":["my-1"]}`, 2, 1},
		{"two lists", `{"models":[{"name":"a"},{"name":"my-1"}],"data":[{"id":"a"},{"id":"my-1"}]}`, `{"models":[{"name":"my-1"}],"data":[{"id":"my-1"}]}`, 4, 2},
		{
			"gemini", `{"models":[{"name":"models/my-1","displayName":"1"},{"name":"models/a"},{"name":"my/models/b"}],"nextPageToken":"tmodels/a"}`,
			`{"models":[{"name":"models/my-1","displayName":"1"},{"name":"my/models/b"}],"nextPageToken":"tmodels/a"}`, 3, 2,
		},
		{"gemini, empty", `{}`, "", 0, 0},
		{"without a name", `{"data":[{"model":"my-1"},{"id":7},{},null,["my-1"],{"id":"","name":""}]}`, `{"data":[]}`, 6, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want == "" {
				want = c.body
			}
			for cut := range len(c.body) + 1 {
				x, early, got, err := list(mine{}, nil, c.body[:cut], c.body[cut:])
				if err != nil || got != want || early != "" || x.Response.Offered != c.offered || x.Response.Shown != c.shown || !x.Response.Complete {
					t.Fatalf("cut at %d: %q, before its end %q, error %v, %+v", cut, got, early, err, x.Response)
				}
			}
		})
	}
}

// TestNoModels: what is no list of models shows none, and an error of the provider stays what it is.
func TestNoModels(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "no json": "{", "a text": `"my-1"`, "a list deeper down": `{"result":{"data":[{"id":"a"}]}}`, "two answers": `{"data":[]}{"data":[{"id":"a"}]}`,
		"two names of one element": `{"data":[{"id":"a","id":"my-1"}]}`, "any number": `{"data":[` + strings.Repeat("0,", 1<<16) + `0]}`,
	} {
		if _, _, got, err := list(mine{}, nil, body, ""); filters.AsRefusal(err, "").Kind != filters.RefusedUpstream || got != "" {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
	}
}

// TestAllModels: where the caller may use all models nothing is read, and nothing held.
func TestAllModels(t *testing.T) {
	for _, models := range []resource.Models{nil, everything{}} {
		x, early, got, err := list(models, nil, `{"data":[{"id`, `":"a"}]}`)
		if err != nil || early != got || got != `{"data":[{"id":"a"}]}` || x.Response.Offered != 0 {
			t.Errorf("%q, before its end %q, error %v, %+v", got, early, err, x.Response)
		}
	}
}

// TestJudgedModels: rules judge what the caller would see.
func TestJudgedModels(t *testing.T) {
	judge := &rules{}
	_, _, got, err := list(mine{}, judge, `{"data":[{"id":"FORBIDDEN"},{"id":"my-key-1"}]}`, "")
	if err != nil || got != `{"data":[{"id":"my-[redacted]"}]}` || len(judge.seen) != 1 {
		t.Errorf("%q, error %v, judged %d blocks", got, err, len(judge.seen))
	}
	if _, _, got, err := list(mine{}, judge, `{"data":[{"id":"my-FORBIDDEN"}]}`, ""); filters.AsRefusal(err, "").Kind != filters.RefusedByPolicy || got != "" {
		t.Errorf("%q, error %v", got, err)
	}
}

// TestModelOfPath: a model that is asked for by its name is one that the request names.
func TestModelOfPath(t *testing.T) {
	for path, want := range map[string]string{
		"/anthropic/v1/models/claude-haiku-5-5": "claude-haiku-5-5", "/gemini/v1beta/models/gemini-3.8-flash": "gemini-3.8-flash", "/openai/v1/models/ft%3agpt-5:me": "ft:gpt-5:me",
	} {
		x := exchange("models.retrieve", "")
		x.Request.Path = path
		if err := (resource.Codec{Codec: anthropic.Codec{}}).DecodeRequest(x, nil); err != nil || x.LLM.Model != want || len(x.LLM.Models) != 1 || x.Claimed.Class != "" {
			t.Errorf("%s: error %v, %+v", path, err, x.LLM)
		}
	}
	x := exchange("models.retrieve", "")
	x.Request.Path = "/anthropic/v1/models/%zz"
	if err := (resource.Codec{Codec: anthropic.Codec{}}).DecodeRequest(x, nil); filters.AsRefusal(err, "").Kind != filters.RefusedMalformed {
		t.Errorf("%v", err)
	}
}

// FuzzModels: what passes is JSON, shows only what is admitted, and would pass again as it is.
func FuzzModels(f *testing.F) {
	f.Add(`{"data":[{"id":"a"},{"id":"my-1"}],"has_more":false,"first_id":"a","last_id":"my-1"}`)
	f.Add(`{"models":[{"name":"models/my-1"}],"nextPageToken":"a"}`)
	f.Fuzz(func(t *testing.T, body string) {
		_, _, once, err := list(mine{}, nil, body, "")
		if err != nil {
			return
		}
		if err := strictjson.Validate([]byte(once)); err != nil {
			t.Fatalf("%q became %q: %v", body, once, err)
		}
		x, _, twice, err := list(mine{}, nil, once, "")
		if err != nil || twice != once || x.Response.Shown != x.Response.Offered {
			t.Fatalf("%q became %q and then %q, error %v, %+v", body, once, twice, err, x.Response)
		}
	})
}
