package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

// heard is a frame as the tests compare it.
type heard struct{ Kind, Name, Payload string }

func feed(chunks ...[]byte) (got []heard, raw []byte, r Reader) {
	for _, c := range chunks {
		for f := range r.Feed(bytes.Clone(c)) {
			got = append(got, heard{string(f.Kind), f.Name, string(f.Payload)})
			raw = append(raw, f.Raw...)
		}
	}
	return got, raw, r
}

func stream() []byte {
	b := Append(nil, Event, "messageStart", []byte(`{"role":"assistant"}`))
	b = Append(b, Event, "contentBlockDelta", bytes.Repeat([]byte("x"), maxIdle+100))
	b = Append(b, Event, "empty", nil)
	return Append(b, Exception, "throttlingException", []byte(`{"message":"slow down"}`))
}

func TestAnyCut(t *testing.T) {
	all := stream()
	want, raw, _ := feed(all)
	if len(want) != 4 || want[3] != (heard{"exception", "throttlingException", `{"message":"slow down"}`}) || !bytes.Equal(raw, all) {
		t.Fatalf("read %d frames: %.200v", len(want), want)
	}
	for i := range all {
		got, raw, r := feed(all[:i], all[i:])
		if diff := cmp.Diff(want, got); diff != "" || !bytes.Equal(raw, all) || r.Buffered() != 0 || r.Err() != nil {
			t.Fatalf("cut at %d: %s %v", i, diff, r.Err())
		}
	}
	got, raw, _ := feed(bytes.SplitAfter(all, nil)...)
	if diff := cmp.Diff(want, got); diff != "" || !bytes.Equal(raw, all) {
		t.Fatalf("byte by byte: %s", diff)
	}
}

// One flipped bit anywhere is noticed, and nothing of the frame comes out.
func TestDamage(t *testing.T) {
	all := Append(nil, Event, "messageStart", []byte(`{"role":"assistant"}`))
	for i := range len(all) * 8 {
		b := bytes.Clone(all)
		b[i/8] ^= 1 << (i % 8)
		got, _, r := feed(b)
		if len(got) != 0 || r.Err() == nil && r.Buffered() == 0 {
			t.Fatalf("bit %d: %v, error %v", i, got, r.Err())
		}
	}
}

func TestReplace(t *testing.T) {
	out := Replace(nil, Append(nil, Event, "chunk", []byte("before")), []byte("after, and longer"))
	if got, _, _ := feed(out); len(got) != 1 || got[0] != (heard{"event", "chunk", "after, and longer"}) {
		t.Errorf("got %v", got)
	}
}

// lengths is a frame that is well but for what it says of its lengths.
func lengths(total, headers uint32) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, total), headers)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return append(b, make([]byte, 64)...)
}

func TestHostile(t *testing.T) {
	unnamed := func(headers ...eventstream.Header) []byte { return encode(headers, []byte("{}")) }
	str := func(name, value string) eventstream.Header {
		return eventstream.Header{Name: name, Value: eventstream.StringValue(value)}
	}
	for name, b := range map[string][]byte{
		"no length":              lengths(0, 0),
		"shorter than itself":    lengths(15, 0),
		"headers beyond its end": lengths(32, 17),
		"many headers":           lengths(Limit, maxHeaders+1),
		"too large":              lengths(Limit+1, 0),
		"largest number":         lengths(1<<32-1, 1<<32-1),
		"no headers":             unnamed(),
		"no kind":                unnamed(str(":event-type", "chunk")),
		"no name":                unnamed(str(":message-type", "event")),
		"a name of other type":   unnamed(str(":message-type", "event"), eventstream.Header{Name: ":event-type", Value: eventstream.Int32Value(7)}),
	} {
		got, _, r := feed(b)
		if len(got) != 0 || r.Err() == nil || (name == "too large" || name == "largest number") != errors.Is(r.Err(), ErrTooLarge) {
			t.Errorf("%s: %v, error %v", name, got, r.Err())
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(stream(), uint16(40))
	f.Add(lengths(40, 8), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		i := int(at) % (len(b) + 1)
		want, raw, a := feed(b)
		got, again, c := feed(b[:i], b[i:])
		if !cmp.Equal(want, got) || !bytes.Equal(raw, again) || (a.Err() == nil) != (c.Err() == nil) {
			t.Fatalf("cut at %d: %v %v, not %v %v", i, got, c.Err(), want, a.Err())
		}
		if !bytes.HasPrefix(b, raw) {
			t.Fatalf("frames %q of %q", raw, b)
		}
	})
}
