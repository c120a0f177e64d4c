package request_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
	"bartizan/filters/recall"
)

// ask reads a list of texts as x, and returns what it says and which elements were read for it.
func ask(t *testing.T, x filters.Exchange, elements ...string) (said, read string) {
	t.Helper()
	texts := make([]string, len(elements))
	for i, e := range elements {
		texts[i] = fmt.Sprintf(`{"text": "%s \" %s"}`, e, strings.Repeat("-", 8<<10))
	}
	b := request.New(&x, []byte("["+strings.Join(texts, " , ")+"]"))
	n := b.Each(func() {
		for range b.Object() {
			b.AddText(filters.Block{Origin: filters.OriginUser})
		}
		word, _, _ := bytes.Cut(b.Blocks[len(b.Blocks)-1].Data.Bytes(), []byte(" "))
		read += string(word)
	})
	if err := b.End(); err != nil || n != len(elements) || len(b.Blocks) != n {
		t.Fatalf("%d of %d elements, %d blocks: %v", n, len(elements), len(b.Blocks), err)
	}
	for i := range b.Blocks {
		at := &b.Blocks[i]
		word, rest, _ := bytes.Cut(at.Data.Bytes(), []byte(" "))
		if want := fmt.Sprintf("/%d/text", i); at.Pointer != want || at.Data.Len() != len(word)+1+len(rest) || !bytes.HasPrefix(rest, []byte(`" ---`)) {
			t.Errorf("block %d is %s: %.20q", i, at.Pointer, at.Data.Bytes())
		}
		said += string(word)
	}
	return said, read
}

// TestEach: what stood at the same place before is not read again, whatever changed around it; and nobody is told by it what others ask.
func TestEach(t *testing.T) {
	x := filters.Exchange{Memory: recall.New(recall.DefaultLimit)}
	other := x
	other.Identity = filters.Identity{Method: "virtual_key", Key: "other"}
	for _, step := range []struct {
		name     string
		x        filters.Exchange
		elements string
		read     string
	}{
		{"a list that nobody has seen", x, "abc", "abc"},
		{"the same", x, "abc", ""},
		{"a longer one", x, "abcd", "d"},
		{"another caller's", other, "abcd", "abcd"},
		{"another caller's again", other, "abcde", "e"},
		{"one changed within", x, "aBcd", "B"},
		{"and changed back", x, "abcd", "b"},
		{"a shorter one", x, "ab", ""},
		{"moved", x, "acb", "cb"},
		{"another one", x, "xyz", "xyz"},
		{"the first, which is still known", x, "acb", ""},
		{"and the other", x, "xyz", ""},
		{"without a memory", filters.Exchange{}, "xyz", "xyz"},
	} {
		said, read := ask(t, step.x, strings.Split(step.elements, "")...)
		if said != step.elements || read != step.read {
			t.Errorf("%s: %s was read of %s, want %s of %s", step.name, read, said, step.read, step.elements)
		}
	}
}
