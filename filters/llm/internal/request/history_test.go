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

// large are elements of which so many bytes come.
var large = map[string]int{"L": 3 << 20, "M": 3 << 20, "H": 9 << 20}

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
		at := &b.Blocks[len(b.Blocks)-1]
		word, _, _ := bytes.Cut(at.Data.Bytes(), []byte(" "))
		at.Name = strings.Repeat("n", large[string(word)])
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

// TestEachLarge: behind what takes too much room nothing is remembered, least of all at another place; what would take all of it alone is
// read every time.
func TestEachLarge(t *testing.T) {
	x := filters.Exchange{Memory: recall.New(recall.DefaultLimit)}
	for _, step := range []struct{ elements, read string }{
		{"abcde", "abcde"},
		{"aLMDe", "LMD"},
		{"aLMe", "e"},
		{"aHcd", "Hcd"},
		{"aHcde", "He"},
	} {
		said, read := ask(t, x, strings.Split(step.elements, "")...)
		if said != step.elements || read != step.read {
			t.Errorf("%s was read of %s, want %s of %s", read, said, step.read, step.elements)
		}
	}
}

// TestEachAtOnce: whoever reads beside others, and while the memory forgets, reads what stands there.
func TestEachAtOnce(t *testing.T) {
	x := filters.Exchange{Memory: recall.New(128 << 10)}
	for reader := range 8 {
		t.Run(fmt.Sprint(reader), func(t *testing.T) {
			t.Parallel()
			for turn := range 24 {
				elements := strings.Split("abcdefghijklmnopqrstuvwxyz"[:turn+2], "")
				elements[turn] = fmt.Sprint("of", reader%2)
				elements[0] = fmt.Sprint("begin", turn%5)
				if said, _ := ask(t, x, elements...); said != strings.Join(elements, "") {
					t.Errorf("turn %d: %s was read of %v", turn, said, elements)
				}
			}
		})
	}
}

// counted is a memory that tells how many bytes it was told to keep.
type counted struct {
	*recall.Memory
	bytes int
}

func (c *counted) Remember(key filters.Sum, value any, bytes int) {
	c.bytes = bytes
	c.Memory.Remember(key, value, bytes)
}

// TestEachCounts: all that a client can make long counts, and lists that begin alike have one room together.
func TestEachCounts(t *testing.T) {
	const long = 2 << 20
	text := strings.Repeat("x", long)
	for name, add := range map[string]func(b *request.Builder){
		"role":                     func(b *request.Builder) { b.Add(filters.Block{Role: text}) },
		"media type":               func(b *request.Builder) { b.Add(filters.Block{MediaType: text}) },
		"pointer":                  func(b *request.Builder) { b.Add(filters.Block{Pointer: text}) },
		"id of a call":             func(b *request.Builder) { b.Called(text, "tool") },
		"tool":                     func(b *request.Builder) { b.Tool(filters.Tool{Type: text}) },
		"named tool":               func(b *request.Builder) { b.Named(filters.Tool{Name: text}) },
		"connector":                func(b *request.Builder) { b.Declare(filters.Declaration{Connector: text}) },
		"pointer of a declaration": func(b *request.Builder) { b.Declare(filters.Declaration{Pointer: text}) },
	} {
		memory := &counted{Memory: recall.New(recall.DefaultLimit)}
		x := filters.Exchange{Memory: memory}
		for turn := range 8 {
			b := request.New(&x, fmt.Appendf(nil, `[{"text": "%s%d"}]`, strings.Repeat("-", 16<<10), turn))
			b.Each(func() {
				start := b.Mark()
				b.Skip()
				if add(b); len(b.Blocks) > 0 {
					b.Blocks[0].Start, b.Blocks[0].End = start, start
				}
			})
			if memory.bytes < long || memory.bytes > 3*long {
				t.Errorf("%s: %d bytes are remembered", name, memory.bytes)
			}
		}
	}
}
