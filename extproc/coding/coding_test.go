package coding_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"bartizan/extproc/coding"
	"bartizan/filters"
)

func encode(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(name string, body []byte, limit int64) (string, error) {
	size, err := coding.Measure(name, body, limit)
	if err != nil {
		return "", err
	}
	decoded, err := coding.Decode(name, body, size)
	return string(decoded), err
}

func TestDecode(t *testing.T) {
	for _, name := range coding.Names() {
		for _, text := range []string{"", "a", strings.Repeat("words of a conversation ", 50_000)} {
			got, err := decode(name, encode(t, name, text), int64(len(text)))
			if err != nil || got != text {
				t.Errorf("%s of %d bytes: %d bytes, error %v", name, len(text), len(got), err)
			}
		}
	}
}

// TestOneWayToRead: what two readers may read in two ways is refused.
func TestOneWayToRead(t *testing.T) {
	const text = "words of a conversation"
	for _, name := range coding.Names() {
		good := encode(t, name, text)
		bad := map[string][]byte{
			"nothing": nil, "plain": []byte(text), "cut": good[:len(good)-1], "cut short": good[:1], "a byte more": append(slices.Clone(good), 0),
			"twice": slices.Concat(good, encode(t, name, "more")), "its second half twice": append(slices.Clone(good), good[len(good)/2:]...),
		}
		if name == "zstd" {
			skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}
			bad["skippable first"], bad["skippable last"] = slices.Concat(skippable, good), slices.Concat(good, skippable)
		}
		for what, body := range bad {
			got, err := decode(name, body, 1<<20)
			if filters.AsRefusal(err, "").Kind != filters.RefusedMalformed {
				t.Errorf("%s, %s: %q, error %v", name, what, got, err)
			}
		}
	}
	if _, err := decode("deflate", nil, 1); err == nil {
		t.Error("deflate is read")
	}
}

// TestBombs: how much a body grows is found out without growing.
func TestBombs(t *testing.T) {
	for _, name := range coding.Names() {
		bomb := encode(t, name, strings.Repeat("\x00", 100<<20))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := coding.Measure(name, bomb, 40<<20)
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if r := filters.AsRefusal(err, ""); r.Kind != filters.RefusedTooLarge || !strings.Contains(r.Message, "once it is decompressed") {
			t.Errorf("%s: %v", name, err)
		}
		if used > coding.Working+1<<20 {
			t.Errorf("%s: measuring a bomb of %d bytes took %d bytes", name, len(bomb), used)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range coding.Names() {
		f.Add(name, encode(f, name, strings.Repeat("words of a conversation ", 100)))
	}
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		const limit = 1 << 16
		got, err := decode(name, body, limit)
		if err != nil && filters.AsRefusal(err, "").Kind == filters.RefusedInternal {
			t.Fatalf("not a BodyError: %v", err)
		}
		if err == nil && len(got) > limit {
			t.Fatalf("%d bytes", len(got))
		}
		if _, err := decode(name, append(slices.Clone(body), 'x'), limit); err == nil {
			t.Fatal("a byte more went unnoticed")
		}
	})
}
