package codectest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"weak"

	"bartizan/filters"
	"bartizan/filters/recall"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// decoded is a golden's content.
type decoded struct {
	Error  error `json:",omitempty"`
	LLM    *filters.LLM
	UserID string `json:",omitempty"`
	Blocks []block
}

type block struct {
	Role, Origin, MediaType, Pointer, Name string
	CallID                                 string `json:",omitempty"`
	Data                                   string
}

func (s Suite) requests(t *testing.T) {
	for file, body := range s.samples(t, "requests") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			x := s.exchange()
			got := decoded{Error: s.Codec.DecodeRequest(x, body), LLM: x.LLM, UserID: x.Claimed.UserID}
			for _, b := range x.Blocks {
				got.Blocks = append(got.Blocks, block{b.Role, string(b.Origin), b.MediaType, b.Pointer, b.Name, b.CallID, string(b.Data.Bytes())})
			}
			for _, b := range x.Blocks {
				if err := resolves(body, b); err != nil {
					t.Error(err)
				}
			}
			if err := unnamed(x); err != nil {
				t.Error(err)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file+".golden", append(text, '\n'))
		})
	}
}

// remembered checks that of a body whose elements were read before the same is read as of one that nobody has seen.
func (s Suite) remembered(t *testing.T) {
	for file, body := range s.samples(t, "requests") {
		t.Run(filepath.Base(file), func(t *testing.T) { s.readAgain(t, recall.New(recall.DefaultLimit), body) })
	}
}

// mixed checks the same of conversations that are made of the elements of all samples, in any order: what comes of one must depend on no
// other.
func (s Suite) mixed(t *testing.T) {
	bodies, pool := s.elements(t)
	memory, random := recall.New(recall.DefaultLimit), rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in every run
	blanks := append([]byte("[{"), bytes.Repeat([]byte{' '}, 1<<10)...)            // lists that begin alike
	for range 100 {
		body := bodies[random.IntN(len(bodies))]
		var members [][]byte
		for _, name := range slices.Sorted(maps.Keys(body)) {
			value := body[name]
			if of := pool[name]; len(of) > 0 {
				list := [][]byte{of[random.IntN(min(len(of), 4))]}
				for range random.IntN(8) {
					list = append(list, of[random.IntN(len(of))])
				}
				value = bytes.Replace(fmt.Appendf(nil, "[%s]", bytes.Join(list, []byte(","))), []byte("[{"), blanks, 1)
			}
			members = append(members, fmt.Appendf(nil, "%q:%s", name, value))
		}
		s.readAgain(t, memory, fmt.Appendf(nil, "{%s}", bytes.Join(members, []byte(","))))
	}
}

// elements are the samples that are accepted, and the elements of the lists of a conversation in all of them, by the name of the list.
func (s Suite) elements(t *testing.T) (bodies []map[string]json.RawMessage, pool map[string][][]byte) {
	samples := s.samples(t, "requests")
	pool = map[string][][]byte{}
	for _, file := range slices.Sorted(maps.Keys(samples)) {
		var body map[string]json.RawMessage
		if s.Codec.DecodeRequest(s.exchange(), samples[file]) != nil || json.Unmarshal(samples[file], &body) != nil {
			continue
		}
		bodies = append(bodies, body)
		for _, name := range [...]string{"messages", "input", "contents", "tools"} {
			var elements []json.RawMessage
			_ = json.Unmarshal(body[name], &elements) // a text is none
			for _, e := range elements {
				pool[name] = append(pool[name], e)
			}
		}
	}
	return bodies, pool
}

// readAgain reads a body without a memory, and twice with one.
func (s Suite) readAgain(t *testing.T, memory filters.Memory, body []byte) {
	t.Helper()
	body = padded(body)
	fresh := s.exchange()
	want := s.Codec.DecodeRequest(fresh, body)
	for range 2 {
		x := s.exchange()
		x.Memory = memory
		err := s.Codec.DecodeRequest(x, body)
		for i := range x.Blocks {
			if b := &x.Blocks[i]; b.Sum != memory.Sum(b.Data.Bytes()) {
				t.Fatalf("block %s has the sum of another", b.Pointer)
			}
			x.Blocks[i].Sum = filters.Sum{}
		}
		x.Memory = nil
		if diff := cmp.Diff(fresh, x, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("with a memory something else is read:\n%s", diff)
		}
		if diff := cmp.Diff(want, err); diff != "" {
			t.Fatalf("with a memory something else is refused:\n%s", diff)
		}
	}
}

// forgets checks that what is remembered of bodies keeps none of them in memory.
func (s Suite) forgets(t *testing.T) {
	memory := recall.New(recall.DefaultLimit)
	var bodies []weak.Pointer[byte]
	for _, sample := range s.samples(t, "requests") {
		body := padded(sample)
		bodies = append(bodies, weak.Make(&body[0]))
		x := s.exchange()
		x.Memory = memory
		_ = s.Codec.DecodeRequest(x, body)
	}
	runtime.GC()
	for _, body := range bodies {
		if body.Value() != nil {
			t.Fatal("a body is still in memory")
		}
	}
	runtime.KeepAlive(memory)
}

// padded is a body with blanks behind it: what is shorter is not remembered.
func padded(body []byte) []byte {
	return append(bytes.Clone(body), bytes.Repeat([]byte{' '}, 16<<10)...)
}

// resolves checks with another parser that the block's pointer leads to its data.
func resolves(body []byte, b filters.Block) error {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	for _, tok := range strings.Split(b.Pointer, "/")[1:] {
		tok = strings.NewReplacer("~1", "/", "~0", "~").Replace(tok)
		switch at := v.(type) {
		case map[string]any:
			v = at[tok]
		case []any:
			i, err := strconv.Atoi(tok)
			if err != nil || i >= len(at) {
				return fmt.Errorf("pointer %s leads nowhere", b.Pointer)
			}
			v = at[i]
		}
	}
	var there any
	if err := json.Unmarshal(body[b.Start:b.End], &there); err != nil || !reflect.DeepEqual(v, there) {
		return fmt.Errorf("pointer %s leads to %v, bytes %d to %d hold %v", b.Pointer, v, b.Start, b.End, there)
	}
	if s, ok := v.(string); ok && strings.HasSuffix(s, string(b.Data.Bytes())) { // suffix: of a data URI
		return nil
	}
	if s, ok := v.(string); ok && inBase64(s, b.Data.Bytes()) {
		return nil
	}
	var data any
	if err := json.Unmarshal(b.Data.Bytes(), &data); err != nil || v == nil || !reflect.DeepEqual(v, data) {
		return fmt.Errorf("pointer %s leads to %v, not to the block", b.Pointer, v)
	}
	return nil
}

// inBase64 tells whether s, or what stands behind the comma of a data URI, holds data as text, in either alphabet, with padding or without,
// and with white space.
func inBase64(s string, data []byte) bool {
	if strings.HasPrefix(strings.ToLower(s), "data:") {
		_, s, _ = strings.Cut(s, ",")
	}
	s = strings.NewReplacer("+", "-", "/", "_", " ", "", "\t", "", "\n", "", "\r", "", "\f", "", "\v", "").Replace(s)
	got, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil && bytes.Equal(bytes.ToValidUTF8(got, []byte("?")), data)
}

// unnamed finds an origin or a kind of declaration that no rule could name.
func unnamed(x *filters.Exchange) error {
	for _, b := range x.Blocks {
		if !slices.Contains(filters.Origins(), b.Origin) {
			return fmt.Errorf("origin %q of the block at %s", b.Origin, b.Pointer)
		}
	}
	if x.LLM == nil {
		return nil
	}
	for _, d := range x.LLM.Declarations {
		if !slices.Contains(filters.DeclarationKinds(), d.Kind) {
			return fmt.Errorf("kind %q of the declaration at %s", d.Kind, d.Pointer)
		}
	}
	return nil
}

// FuzzRequest is the body of a fuzz target: whatever the bytes, the codec refuses or finds blocks that lie where it says, the same
// whatever it has read before.
func FuzzRequest(f *testing.F, codec filters.Codec) { Suite{Codec: codec}.FuzzRequest(f) }

// FuzzRequest is the function of that name.
func (s Suite) FuzzRequest(f *testing.F) {
	for _, body := range s.samples(f, "requests") {
		f.Add(body)
	}
	memory := recall.New(recall.DefaultLimit)
	f.Fuzz(func(t *testing.T, body []byte) {
		s.readAgain(t, memory, body)
		x := s.exchange()
		if err := s.Codec.DecodeRequest(x, body); err != nil {
			if filters.AsRefusal(err, "").Kind == filters.RefusedInternal {
				t.Fatalf("not a BodyError: %v", err)
			}
			if x.LLM != nil || x.Blocks != nil {
				t.Fatal("a refused body left something behind")
			}
			return
		}
		if !json.Valid(body) || x.LLM.Model == "" {
			t.Fatalf("accepted %q", body)
		}
		for _, b := range x.Blocks {
			if b.MediaType == "" && b.Data.Bytes() == nil {
				t.Fatalf("incomplete block %+v", b)
			}
			if err := resolves(body, b); err != nil {
				t.Fatal(err)
			}
		}
		if err := unnamed(x); err != nil {
			t.Fatal(err)
		}
	})
}
