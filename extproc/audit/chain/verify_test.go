package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/ocsf"
	"bartizan/extproc/audit/stream"
	"bartizan/filters"
)

const (
	alice = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	bob   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// records returns n records of a producer, chained as a gateway chains them.
func records(producer string, n int) (list [][]byte) {
	var prev [32]byte
	for i := range n {
		r := &filters.Record{Phase: "exchange", Time: time.UnixMilli(int64(i)), Exchange: &filters.Exchange{ID: producer[:1] + string(rune('0'+i))}}
		raw := ocsf.Encode(r, ocsf.Source{Producer: producer}).Stamp(nil, uint64(i+1), prev)
		prev = sha256.Sum256(raw)
		list = append(list, raw)
	}
	return list
}

// careless is what an operator's stream may be: an id may stand twice, and messages may go.
var careless = jetstream.StreamConfig{
	Name: stream.Name, Subjects: []string{stream.Subjects}, Duplicates: 100 * time.Millisecond, MaxMsgs: 100, Discard: jetstream.DiscardOld,
}

func start(t *testing.T, c jetstream.StreamConfig) jetstream.JetStream {
	t.Helper()
	s, err := natsd.Start(natsd.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return js
}

// fill starts a server with the messages in its stream, in this order, each with the id of its bytes.
func fill(t *testing.T, messages [][]byte) jetstream.JetStream {
	t.Helper()
	js := start(t, careless)
	for _, m := range messages {
		publish(t, js, "audit.v1.default.llm.allow", m, m)
	}
	return js
}

func publish(t *testing.T, js jetstream.JetStream, subject string, m, idOf []byte) {
	t.Helper()
	sum := sha256.Sum256(idOf)
	msg := &nats.Msg{Subject: subject, Data: m, Header: nats.Header{nats.MsgIdHdr: {hex.EncodeToString(sum[:])}}}
	ack, err := js.PublishMsg(t.Context(), msg)
	for err == nil && ack.Duplicate { // wait out the window
		time.Sleep(20 * time.Millisecond)
		ack, err = js.PublishMsg(t.Context(), msg)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type found struct {
	Kind Kind
	Seq  uint64
	From uint64
	To   uint64
}

func verify(t *testing.T, js jetstream.JetStream) (Report, []found) {
	t.Helper()
	r, err := Verify(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	var list []found
	for _, b := range r.Breaks {
		if b.String() == "" {
			t.Errorf("a break without words: %+v", b)
		}
		list = append(list, found{b.Kind, b.Sequence, b.From, b.To})
	}
	return r, list
}

func TestVerify(t *testing.T) {
	a, b := records(alice, 6), records(bob, 3)
	forged := slices.Clone(a)
	forged[2] = bytes.Replace(a[2], []byte(`"status":"Success"`), []byte(`"status":"Failure"`), 1)
	if bytes.Equal(forged[2], a[2]) {
		t.Fatal("nothing was forged")
	}
	spaced := slices.Clone(a)
	spaced[5] = append(slices.Clone(a[5]), '\n')
	for name, c := range map[string]struct {
		messages [][]byte
		want     []found
	}{
		"empty":           {nil, nil},
		"whole":           {slices.Concat(a, b), nil},
		"interleaved":     {[][]byte{a[0], b[0], b[1], a[1], b[2], a[2]}, nil},
		"published twice": {[][]byte{a[0], a[1], a[2], a[1], a[2], a[3]}, nil},
		"one missing":     {[][]byte{a[0], a[1], a[3], a[4]}, []found{{Missing, 4, 3, 3}}},
		"start missing":   {a[2:], []found{{Missing, 3, 1, 2}}},
		"one changed":     {forged, []found{{Kind: Changed, Seq: 4}}},
		"swapped":         {[][]byte{a[0], a[2], a[1], a[3]}, []found{{Missing, 3, 2, 2}, {Kind: Disordered, Seq: 2}}},
		"other chain":     {[][]byte{a[0], bytes.Replace(b[1], []byte(bob), []byte(alice), 1), a[2]}, []found{{Kind: Changed, Seq: 2}, {Kind: Changed, Seq: 3}}},
		"forked":          {[][]byte{a[0], a[1], a[2], forged[2], a[3]}, []found{{Kind: Disordered, Seq: 3}}},
		"reformatted":     {spaced, []found{{Kind: Altered, Seq: 6}}},
		"foreign":         {[][]byte{a[0], []byte("hello"), []byte(`{"time":1}`), a[1]}, []found{{Kind: Unreadable}, {Kind: Unreadable}}},
	} {
		t.Run(name, func(t *testing.T) {
			js := fill(t, c.messages)
			r, got := verify(t, js)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("breaks (-want +got):\n%s", diff)
			}
			if r.OK() != (len(c.want) == 0) || r.Records != uint64(len(c.messages)) {
				t.Errorf("OK %t, %d records", r.OK(), r.Records)
			}
		})
	}
}

func TestNewestRecordChanged(t *testing.T) {
	a := records(alice, 3)
	js := fill(t, a[:2])
	publish(t, js, "audit.v1.default.llm.allow", bytes.Replace(a[2], []byte("Success"), []byte("Failure"), 1), a[2])
	if _, got := verify(t, js); !cmp.Equal(got, []found{{Kind: Altered, Seq: 3}}) {
		t.Errorf("breaks %v", got)
	}
}

// TestDeletedInStream: messages taken out of the middle are noticed by the chain, and by what the stream says of itself.
func TestDeletedInStream(t *testing.T) {
	a, b := records(alice, 4), records(bob, 1)
	c := careless
	c.MaxMsgsPerSubject = 1
	js := start(t, c)
	publish(t, js, "audit.v1.b.llm.allow", b[0], b[0])
	for i, m := range a[:3] {
		publish(t, js, []string{"audit.v1.a.llm.allow", "audit.v1.a.llm.deny", "audit.v1.a.llm.deny"}[i], m, m)
	}
	r, got := verify(t, js)
	if r.OK() || r.Deleted != 1 || !cmp.Equal(got, []found{{Missing, 3, 2, 2}}) {
		t.Errorf("%d deleted, breaks %v", r.Deleted, got)
	}
}

// TestExpiredBeginning: what has left the stream by age or number is said, and is no break.
func TestExpiredBeginning(t *testing.T) {
	a := records(alice, 140)
	js := fill(t, a)
	r, got := verify(t, js)
	if !r.OK() || len(got) != 0 {
		t.Errorf("breaks %v", got)
	}
	head := sha256.Sum256(a[139])
	want := []Producer{{ID: alice, First: 41, Last: 140, Records: 100, Head: hex.EncodeToString(head[:])}}
	if diff := cmp.Diff(want, r.Producers); diff != "" {
		t.Errorf("producers (-want +got):\n%s", diff)
	}
}
