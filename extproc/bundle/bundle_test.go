package bundle

import (
	"crypto/sha256"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"bartizan/filters"
	"bartizan/xds/bundlepb"
)

// What this replica does not understand it must not take for something else.
func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*bundlepb.Bundle)
		want   string
	}{
		{"nothing", func(b *bundlepb.Bundle) { proto.Reset(b) }, "limits.request_bytes is 0"},
		{"dialect", func(b *bundlepb.Bundle) { b.Routes[0].Dialect = "esperanto" }, `dialect "esperanto"`},
		{"surface", func(b *bundlepb.Bundle) { b.Routes[0].Surface = "egress" }, `surface "egress"`},
		{"route without a name", func(b *bundlepb.Bundle) { b.Routes[0].Name = "" }, `route "": want a name of its own`},
		{"route twice", func(b *bundlepb.Bundle) { b.Routes[1].Name = "llm" }, `route "llm": want a name of its own`},
		{"action", func(b *bundlepb.Bundle) { b.Policies[0].Rules[0].Action = "block" }, `action "block"`},
		{"no action", func(b *bundlepb.Bundle) { b.Policies[0].Rules[0].Action = "" }, `action ""`},
		{"severity", func(b *bundlepb.Bundle) { b.Policies[0].Rules[0].Severity = "dire" }, `severity "dire"`},
		{"failure policy", func(b *bundlepb.Bundle) { b.Policies[0].FailurePolicy = "fail" }, `failurePolicy "fail"`},
		{"mode", func(b *bundlepb.Bundle) { b.Policies[0].Mode = "" }, `mode ""`},
		{"surface of a policy", func(b *bundlepb.Bundle) { b.Policies[0].Surface = "egress" }, "egress"},
		{"expression", func(b *bundlepb.Bundle) { b.Policies[0].Rules[0].Expression.Text = "llm.model ==" }, "models.yaml:3:"},
		{"hash too short", func(b *bundlepb.Bundle) { b.VirtualKeys[0].Sha256 = b.VirtualKeys[0].Sha256[1:] }, "digest of 31 bytes"},
		{"no hash", func(b *bundlepb.Bundle) { b.VirtualKeys[0].Sha256 = nil }, "digest of 0 bytes"},
		{"key twice", func(b *bundlepb.Bundle) {
			other := proto.Clone(b.VirtualKeys[0]).(*bundlepb.VirtualKey)
			other.Name, other.User = "second", "mallory"
			b.VirtualKeys = append(b.VirtualKeys, other)
		}, "virtual key second: the same key as laptop"},
		{"no limit", func(b *bundlepb.Bundle) { b.Limits.RequestBytes = 0 }, "limits.request_bytes is 0"},
		{"negative limit", func(b *bundlepb.Bundle) { b.Limits.RequestBytes = -1 }, "limits.request_bytes is -1"},
		{"limit that cannot be received", func(b *bundlepb.Bundle) { b.Limits.RequestBytes = MaxRequestBytes + 1 }, "limits.request_bytes is 134217729"},
		{"audit mode", func(b *bundlepb.Bundle) { b.Audit.Mode = "Strict" }, `audit mode "Strict"`},
		{"table of prices", func(b *bundlepb.Bundle) { b.Prices = []*bundlepb.ProviderPrices{{Provider: "p", Table: "acme"}} }, `does not know table "acme"`},
		{"payload mode", func(b *bundlepb.Bundle) { b.Audit.Payload = "all" }, `payload mode "all"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pb := document("v1")
			tt.change(pb)
			b, err := Compile(pb)
			if err == nil || b != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("compiled %v, error %v; want %q", b != nil, err, tt.want)
			}
		})
	}
}

func TestCompile(t *testing.T) {
	b, err := Compile(document("v1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, known := b.Route(""); known {
		t.Error("a request without a route has one")
	}
	route, codec, known := b.Route("mcp")
	if !known || codec == nil || route.Target != "warehouse" {
		t.Errorf("route %+v, %v", route, known)
	}
	if id, known := b.Identify("bz-alice"); !known || id.User != "alice" || id.Method != "virtual_key" || id.Key != "laptop" {
		t.Errorf("identity %+v, %v", id, known)
	}
	digest := sha256.Sum256([]byte("bz-alice"))
	for _, key := range []string{"", "bz-bob", "bz-alice ", string(digest[:])} {
		if id, known := b.Identify(key); known || id.Known() {
			t.Errorf("key %q is %+v", key, id)
		}
	}
	for model, want := range map[string]filters.Action{"opus": filters.ActionDeny, "sonnet": filters.ActionAllow} {
		x := &filters.Exchange{Route: filters.Route{Surface: filters.SurfaceLLM, Operation: "messages"}, LLM: &filters.LLM{Model: model}}
		if d, _ := b.Judge(x); d.Action != want {
			t.Errorf("%s: %v", model, d.Action)
		}
	}
}

// TestCost: a Provider's own prices go before those of its table, and a Provider without prices has none.
func TestCost(t *testing.T) {
	pb, read := document("v1"), int64(100_000)
	pb.Prices = []*bundlepb.ProviderPrices{{Provider: "claude", Table: "anthropic", Models: []*bundlepb.ModelPrice{
		{Model: "claude-opus-5-5", Input: 1_000_000, Output: 2_000_000, CacheRead: &read, Source: "contract", Date: "2026-11-01"},
	}}}
	b, err := Compile(pb)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		provider, model string
		micro           int64
		source, unknown string
	}{
		{"claude", "claude-opus-5-5", 500 + 50 + 200, "contract", ""},
		{"claude", "claude-sonnet-5", 1000 + 100 + 1000, "https://platform.claude.com/docs/en/about-claude/pricing", ""},
		{"claude", "gpt-5.5", 0, "", "no_price_for_model"},
		{"local", "claude-opus-5-5", 0, "", "no_price_for_model"},
	} {
		x := &filters.Exchange{Route: filters.Route{Target: tt.provider}, LLM: &filters.LLM{Model: tt.model}, Forwarded: true, Claimed: filters.Claimed{Class: filters.ClassMain}}
		x.Response = filters.Response{Status: 200, Usage: filters.Usage{Input: 1000, CacheRead: 500, Output: 100}}
		if got := b.Cost(x); got.MicroUSD != tt.micro || got.Source != tt.source || got.Unknown != tt.unknown {
			t.Errorf("%s %s: %+v", tt.provider, tt.model, got)
		}
	}
}
