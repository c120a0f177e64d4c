package request

import (
	"strings"
	"testing"

	"bartizan/filters"
)

func TestItemsAreBounded(t *testing.T) {
	body := []byte("[" + strings.Repeat(`"",`, MaxItems) + `""]`)
	b := New(&filters.Exchange{}, body)
	for range b.Array() {
		b.AddText(filters.Block{})
	}
	want := "more than 65536 blocks of content at /65536"
	if err := b.End(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if len(b.Blocks) != MaxItems {
		t.Errorf("%d blocks kept", len(b.Blocks))
	}
}

func TestARefusedBodyLeavesNothing(t *testing.T) {
	x := &filters.Exchange{Claimed: filters.Claimed{UserID: "before"}}
	b := New(x, []byte(`"text" trailing`))
	b.AddText(filters.Block{})
	b.LLM.Model, b.UserID = "m", "after"
	if err := b.Finish(x, true); err == nil || x.LLM != nil || x.Blocks != nil || x.Claimed.UserID != "before" {
		t.Errorf("error %v, left %+v", err, x)
	}
}
