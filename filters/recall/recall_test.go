package recall

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"

	"bartizan/filters"
)

func block(change func(b *filters.Block)) *filters.Block {
	b := &filters.Block{
		Role: "user", Origin: filters.OriginToolResult, MediaType: "text/plain", Name: "Read", CallID: "t1", Data: filters.Plain("some text"),
		Pointer: "/messages/0/content", Start: 10, End: 21,
	}
	if change != nil {
		change(b)
	}
	return b
}

// TestSameBlock: what a conclusion may rest on tells blocks apart, and the place does not.
func TestSameBlock(t *testing.T) {
	m := New(DefaultLimit)
	one := m.Of(block(nil))
	if m.Of(block(func(b *filters.Block) {
		b.Pointer, b.Start, b.End = "/messages/0/content/0/text", 30, 41
		b.Data = filters.Plain("some text")
	})) != one {
		t.Error("the same block at another place is another")
	}
	seen := map[*Block]string{one: "itself"}
	for name, change := range map[string]func(*filters.Block){
		"role":       func(b *filters.Block) { b.Role = "assistant" },
		"origin":     func(b *filters.Block) { b.Origin = filters.OriginUser },
		"media type": func(b *filters.Block) { b.MediaType = "text/html" },
		"name":       func(b *filters.Block) { b.Name = "Bash" },
		"call":       func(b *filters.Block) { b.CallID = "t2" },
		"data":       func(b *filters.Block) { b.Data = filters.Plain("some texT") },
		"kind":       func(b *filters.Block) { b.End = b.Start + b.Data.Len() },
		"shifted":    func(b *filters.Block) { b.Name, b.CallID = "Readt", "1" },
	} {
		other := m.Of(block(change))
		if same, twice := seen[other]; twice {
			t.Errorf("%s: taken for %s", name, same)
		}
		seen[other] = name
	}
	if New(DefaultLimit).key(block(nil)) == m.key(block(nil)) {
		t.Error("two processes have one key")
	}
}

// TestBounded: what was asked for last is there, and the size stays within its limit.
func TestBounded(t *testing.T) {
	const limit = 2 * 100 * size
	m := New(limit)
	of := func(i int) *Block { return m.Of(block(func(b *filters.Block) { b.Name = fmt.Sprint(i) })) }
	first := of(0)
	first.Verdicts(1, 1).Keep(0, true)
	for i := 1; i < 1000; i++ {
		of(i).Findings(func() []string { return []string{"hidden/zero_width"} })
		if of(0) != first {
			t.Fatalf("forgotten after %d others, though it is asked for all the time", i)
		}
	}
	if n := len(m.blocks.fresh) + len(m.blocks.stale); n > 101 {
		t.Errorf("%d blocks are remembered", n)
	}
	again := of(1)
	asked := false
	again.Findings(func() []string { asked = true; return nil })
	if !asked {
		t.Error("a block that nobody asked for is remembered for ever")
	}
}

func TestVerdicts(t *testing.T) {
	b := New(DefaultLimit).Of(block(nil))
	v := b.Verdicts(1, 100)
	for rule := range 100 {
		if _, known := v.Matched(rule); known {
			t.Fatalf("rule %d is known", rule)
		}
		v.Keep(rule, rule%3 == 0)
	}
	for rule := range 100 {
		if matched, known := b.Verdicts(1, 100).Matched(rule); !known || matched != (rule%3 == 0) {
			t.Errorf("rule %d: %t %t", rule, matched, known)
		}
	}
	if _, known := b.Verdicts(2, 100).Matched(0); known {
		t.Error("another set's verdict counts")
	}
}

func TestConcurrent(t *testing.T) {
	m := New(50 * size)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 2000 {
				b := m.Of(block(func(b *filters.Block) { b.Name = fmt.Sprint(i % 70) }))
				v := b.Verdicts(uint64(i/500), 3)
				if matched, known := v.Matched(1); known && !matched {
					t.Error("a verdict is lost")
				}
				v.Keep(1, true)
				if f := b.Findings(func() []string { return []string{"a"} }); len(f) != 1 {
					t.Error("findings are lost")
				}
			}
		})
	}
	all.Wait()
}

// TestSHA256: whatever was summed before, the digest is that of package sha256.
func TestSHA256(t *testing.T) {
	m := New(DefaultLimit)
	body := make([]byte, 10*stretch+7)
	for i := range body {
		body[i] = byte(i * i >> 7)
	}
	for range 2 {
		for _, n := range []int{0, 1, stretch, 2*stretch - 1, 2 * stretch, 2*stretch + 1, 5 * stretch, len(body), 7*stretch + 3} {
			if m.SHA256(body[:n]) != sha256.Sum256(body[:n]) {
				t.Errorf("%d bytes have another digest", n)
			}
		}
		for _, at := range []int{0, stretch - 1, 3*stretch + 5, len(body) - 1} {
			body[at]++
			if m.SHA256(body) != sha256.Sum256(body) {
				t.Errorf("a body that differs at %d from one before has another digest", at)
			}
		}
	}
	moved := append(bytes.Clone(body[stretch:2*stretch]), body...)
	if m.SHA256(moved) != sha256.Sum256(moved) {
		t.Error("what stands elsewhere has another digest")
	}
}

func BenchmarkSHA256(b *testing.B) {
	m, body := New(DefaultLimit), make([]byte, 500_000)
	b.SetBytes(int64(len(body)))
	for i := 0; b.Loop(); i++ {
		body[len(body)-20_000] = byte(i)
		body[len(body)-20_001] = byte(i >> 8)
		m.SHA256(body)
	}
}

func BenchmarkOf(b *testing.B) {
	m := New(DefaultLimit)
	for _, n := range []int{100, 10_000} {
		x := block(func(b *filters.Block) { b.Data = filters.Plain(make([]byte, n)) })
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				m.Of(x)
			}
		})
	}
}
