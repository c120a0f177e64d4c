package sample_test

import (
	"testing"

	"bartizan/extproc/bundle"
	"bartizan/filters"
	"bartizan/test/load/sample"
	"bartizan/xds/snapshot"
	"bartizan/xds/source"
)

// TestNoRuleMatches: what is measured is the way of a request that goes on, with every rule evaluated.
func TestNoRuleMatches(t *testing.T) {
	b := compile(t)
	for name, body := range map[string][]byte{"small": sample.Small(false), "stream": sample.Small(true), "conversation": sample.Conversation()} {
		route, codec, ok := b.Route("llm/anthropic/messages")
		if !ok {
			t.Fatal("the route is not known")
		}
		x := &filters.Exchange{Route: route}
		if err := codec.DecodeRequest(x, body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d, _ := b.Judge(x); len(d.Verdicts) > 0 {
			t.Errorf("%s: verdicts %+v", name, d.Verdicts)
		}
		t.Logf("%s: %d bytes, %d blocks, %d tools", name, len(body), len(x.Blocks), len(x.LLM.Tools))
	}
}

func compile(t *testing.T) *bundle.Bundle {
	t.Helper()
	files := map[string][]byte{}
	for name, text := range sample.Policies("http://127.0.0.1:1") {
		files[name] = []byte(text)
	}
	snap, mistakes := snapshot.Build(source.Tree{Commit: "c0ffee", Files: files}, snapshot.Options{SecretsDir: "/secrets"})
	if len(mistakes) > 0 {
		t.Fatal(mistakes.Error())
	}
	rules := 0
	for _, p := range snap.Bundle.GetPolicies() {
		rules += len(p.GetRules())
	}
	if rules != sample.Rules+sample.ToolRules {
		t.Errorf("%d rules, want %d", rules, sample.Rules+sample.ToolRules)
	}
	b, err := bundle.Compile(snap.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSizes(t *testing.T) {
	for _, stream := range []bool{false, true} {
		if n := len(sample.Small(stream)); n != sample.SmallSize {
			t.Errorf("small request of %d bytes", n)
		}
	}
	if n := len(sample.Conversation()); n < sample.ConversationSize*98/100 || n > sample.ConversationSize*102/100 {
		t.Errorf("conversation of %d bytes", n)
	}
}
