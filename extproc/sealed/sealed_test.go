package sealed_test

import (
	"testing"
	"time"

	"bartizan/extproc/sealed"
	"bartizan/filters"

	"github.com/google/go-cmp/cmp"
)

func TestCaller(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key := sealed.NewKey()
	alice := sealed.Caller{
		Identity: filters.Identity{Method: "virtual_key", User: "alice@example.com", Groups: []string{"finance"}, Key: "alice"},
		SourceIP: "192.0.2.7", Exchange: "0193",
	}
	text := key.SealCaller(sealed.ToGate, alice, now)
	got, ok := key.OpenCaller(sealed.ToGate, text, now.Add(59*time.Second))
	if diff := cmp.Diff(alice, got); !ok || diff != "" {
		t.Errorf("opened %t, (-want +got):\n%s", ok, diff)
	}
	for name, open := range map[string]func() (sealed.Caller, bool){
		"after a minute":     func() (sealed.Caller, bool) { return key.OpenCaller(sealed.ToGate, text, now.Add(61*time.Second)) },
		"the other way":      func() (sealed.Caller, bool) { return key.OpenCaller(sealed.ToAggregator, text, now) },
		"by another process": func() (sealed.Caller, bool) { return sealed.NewKey().OpenCaller(sealed.ToGate, text, now) },
		"without a key":      func() (sealed.Caller, bool) { return (*sealed.Key)(nil).OpenCaller(sealed.ToGate, text, now) },
		"changed":            func() (sealed.Caller, bool) { return key.OpenCaller(sealed.ToGate, "A"+text[1:]+"A", now) },
		"of nobody": func() (sealed.Caller, bool) {
			return key.OpenCaller(sealed.ToGate, key.SealCaller(sealed.ToGate, sealed.Caller{}, now), now)
		},
		"that is no sealing": func() (sealed.Caller, bool) { return key.OpenCaller(sealed.ToGate, "bz-alice", now) },
		"that is empty":      func() (sealed.Caller, bool) { return key.OpenCaller(sealed.ToGate, "", now) },
		"for another purpose": func() (sealed.Caller, bool) {
			return key.OpenCaller(sealed.ToGate, key.Seal("cursor", []byte(`{"Identity":{"Method":"x"}}`)), now)
		},
	} {
		if c, ok := open(); ok {
			t.Errorf("a text %s opens as %+v", name, c)
		}
	}
	if text == key.SealCaller(sealed.ToGate, alice, now) {
		t.Error("two sealings are the same: who sees one knows the other")
	}
}
