package prices

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

var day = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func answered(model string, u filters.Usage) *filters.Exchange {
	x := &filters.Exchange{LLM: &filters.LLM{Model: "asked"}, Forwarded: true, Request: filters.Request{Time: day}, Claimed: filters.Claimed{Class: filters.ClassMain}}
	x.Response = filters.Response{Status: 200, Complete: true, Model: model, Usage: u}
	return x
}

// TestPublic holds costs to the micro-dollar, as the price pages and a calculator say.
func TestPublic(t *testing.T) {
	tables, err := Public()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		table, model string
		usage        filters.Usage
		micro        int64
		unknown      string
	}{
		{"anthropic", "claude-opus-5-5", filters.Usage{Input: 1000, Output: 500}, 4000 + 10000, ""},
		// 2,000 of which 1,000 read, 600 written for minutes and 200 for an hour: 200*4 + 1000*0.2 + 600*5 + 200*8 + 100*20.
		{"anthropic", "claude-opus-5-5", filters.Usage{Input: 2000, CacheRead: 1000, CacheCreation: 800, CacheHour: 200, Output: 100, Reasoning: 60}, 800 + 200 + 3000 + 1600 + 2000, ""},
		{"anthropic", "claude-opus-5-5", filters.Usage{Input: 1000, Output: 500, Terms: "fast"}, 28000, ""},
		{"anthropic", "claude-opus-5-5", filters.Usage{Input: 1000, Output: 500, Terms: "fast,us"}, 0, NoTerms},
		{"anthropic", "claude-opus-5-5", filters.Usage{Input: 1000, Output: 500, Terms: "advisor_message"}, 0, NoTerms},
		{"anthropic", "claude-sonnet-5", filters.Usage{Input: 10, WebSearches: 3, WebFetches: 2}, 20 + 30000, ""},
		{"anthropic", "claude-sonnet-4-5-20250929", filters.Usage{Input: 200_000, Output: 1}, 600_015, ""},
		{"anthropic", "claude-sonnet-4-5-20250929", filters.Usage{Input: 200_001, Output: 1}, 0, NoLong},
		{"anthropic", "claude-haiku-5-5", filters.Usage{Input: 100_000, Output: 10}, 10_000 + 5, ""},
		{"anthropic", "claude-haiku-5-5", filters.Usage{Input: 100_001, Output: 10}, 50_001 + 25, ""}, // 50000.5 + 25, half up
		{"anthropic", "claude-haiku-5-5", filters.Usage{Input: 4}, 0, ""},                             // 0.4: rounded down
		{"anthropic", "claude-haiku-5-5", filters.Usage{Input: 5}, 1, ""},                             // 0.5: rounded up
		{"anthropic", "claude-opus-5-6", filters.Usage{Input: 1}, 0, NoModel},
		{"anthropic", "claude-opus-5-5-mini", filters.Usage{Input: 1}, 0, NoModel},
		{"openai", "gpt-5.5-2026-04-23", filters.Usage{Input: 1000, CacheRead: 400, Output: 100, Reasoning: 50}, 3000 + 200 + 3000, ""},
		{"openai", "gpt-5.5", filters.Usage{Input: 300_000, Output: 100}, 3_000_000 + 4500, ""},
		{"openai", "gpt-5.5", filters.Usage{Input: 1000, Output: 100, Terms: "flex"}, 2500 + 1500, ""},
		{"openai", "gpt-5.5", filters.Usage{Input: 1000, CacheCreation: 10, Output: 100}, 0, "no_price_for_cache_write"},
		{"openai", "gpt-5.5", filters.Usage{Input: 1000, WebSearches: 2}, 5000 + 20000, ""},
		{"openai", "gpt-4.1", filters.Usage{Input: 1000, WebSearches: 2}, 0, "no_price_for_web_search"},
		{"openai", "gpt-5.4-mini", filters.Usage{Input: 1000, Terms: "priority"}, 0, NoTerms},
		{"gemini", "gemini-3.8-flash", filters.Usage{Input: 1000, Output: 100}, 750 + 375, ""},
		{"gemini", "gemini-3.1-pro-preview", filters.Usage{Input: 200_001, Output: 100}, 800_004 + 1800, ""},
		{"gemini", "gemini-3.5-flash", filters.Usage{Input: 1000, CacheRead: 1}, 0, "no_price_for_cache_read"},
	}
	for _, tt := range tests {
		got := Tables{tables[tt.table]}.Cost(answered(tt.model, tt.usage))
		if got.MicroUSD != tt.micro || got.Unknown != tt.unknown || (got.Source == "") != (tt.unknown != "") || (got.Date == "") != (tt.unknown != "") {
			t.Errorf("%s %+v: %+v, want %d %s", tt.model, tt.usage, got, tt.micro, tt.unknown)
		}
	}
}

// TestNothingInvented: every public price has a source and a date, and hosts are told apart.
func TestNothingInvented(t *testing.T) {
	tables, err := Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		for _, p := range table {
			if !strings.HasPrefix(p.Source, "https://") || p.Date == "" || p.Input == 0 || p.Output == 0 {
				t.Errorf("%s: incomplete: %+v", name, p)
			}
		}
	}
	for host, want := range map[string]string{"api.anthropic.com": "anthropic", "api.openai.com": "openai", "generativelanguage.googleapis.com": "gemini", "127.0.0.1": ""} {
		if got := TableOf(host); got != want {
			t.Errorf("table of %s: %q, want %q", host, got, want)
		}
	}
}

func TestDays(t *testing.T) {
	tables, err := Public()
	if err != nil {
		t.Fatal(err)
	}
	for date, want := range map[string]int64{"2026-10-06": 200_000, "2026-10-07": 100_000} {
		on, _ := time.Parse(time.DateOnly, date)
		if p, ok := tables["anthropic"].Find("claude-sonnet-5-5", on); !ok || *p.CacheRead != want {
			t.Errorf("%s: %v %+v", date, ok, p)
		}
	}
}

// TestUncounted: what was not counted has no cost, and that is not 0.
func TestUncounted(t *testing.T) {
	tables, err := Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*filters.Exchange)
		want   filters.Cost
	}{
		"no count in a good answer": {func(x *filters.Exchange) { x.Response.Usage = filters.Usage{} }, filters.Cost{Unknown: NoUsage}},
		"gone before an answer":     {func(x *filters.Exchange) { x.Response = filters.Response{} }, filters.Cost{Unknown: NoUsage}},
		"an error of the provider":  {func(x *filters.Exchange) { x.Response = filters.Response{Status: 529} }, filters.Cost{}},
		"refused by the gateway":    {func(x *filters.Exchange) { x.Forwarded, x.Response = false, filters.Response{} }, filters.Cost{}},
		"tokens counted beforehand": {func(x *filters.Exchange) { x.Claimed.Class, x.Response.Usage = filters.ClassCount, filters.Usage{} }, filters.Cost{}},
		"a file":                    {func(x *filters.Exchange) { x.Claimed.Class, x.Response.Usage = "", filters.Usage{} }, filters.Cost{}},
		"no tool calls, as MCP":     {func(x *filters.Exchange) { x.LLM = nil }, filters.Cost{}},
	} {
		x := answered("claude-opus-5-5", filters.Usage{Input: 1})
		tt.change(x)
		if diff := cmp.Diff(tt.want, Tables{nil, tables["anthropic"]}.Cost(x)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestRead(t *testing.T) {
	doc := func(models string) (Table, manifest.Errors) {
		docs, errs := manifest.Parse("p.yaml", []byte("apiVersion: bartizan/v1\nkind: Prices\nmetadata: { name: x }\nspec:\n  models:\n"+models))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		var spec publicSpec
		if errs := docs[0].Decode(&spec); len(errs) > 0 {
			return nil, errs
		}
		return Read(spec.Models, spec.Source, spec.Date)
	}
	table, errs := doc("    - { model: 'llama-*', input: 0.000001, output: 9999.999999, reasoning: 1 }\n    - { model: llama-3-70b, input: 2, output: 3 }\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if p, ok := table.Find("llama-4", day); !ok || p.Input != 1 || p.Output != 9_999_999_999 || *p.Reasoning != 1_000_000 {
		t.Errorf("%+v", p)
	}
	if p, _ := table.Find("llama-3-70b", day); p.Input != 2_000_000 {
		t.Errorf("the longer name does not win: %+v", p)
	}
	for models, want := range map[string]string{
		"    - { model: m, input: 1 }\n":                                   `p.yaml:6:7: missing field: "output"`,
		"    - { model: m, input: -1, output: 1 }\n":                       `p.yaml:6:26: want dollars`,
		"    - { model: m, input: 1.0000001, output: 1 }\n":                `p.yaml:6:26: want dollars`,
		"    - { model: 'm*x', input: 1, output: 1 }\n":                    `p.yaml:6:17: * stands at the end`,
		"    - { model: m, input: 1, output: 1, long: { input: 200 } }\n":  `missing field: "above"`,
		"    - { model: m, input: 1, output: 1, terms: { flex: 5000 } }\n": `want a whole number from 1 to 1000`,
		"    - { model: m, input: 1, output: 1, until: 2026-13-01 }\n":     `not a day`,
		"    - { model: m, input: 1, output: 1, cachRead: 1 }\n":           `unknown field`,
	} {
		if _, errs := doc(models); len(errs) == 0 || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %s", models, errs, want)
		}
	}
}
