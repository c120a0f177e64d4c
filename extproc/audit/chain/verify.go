package chain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/stream"
	"bartizan/extproc/audit/tail"
)

// Kind says how a chain is broken.
type Kind string

// The kinds of breaks.
const (
	Missing    Kind = "missing"    // records are not there
	Changed    Kind = "changed"    // the record before is not the one that this one was written after
	Altered    Kind = "altered"    // the record's bytes are not those of its message id, or not canonical
	Disordered Kind = "disordered" // a record stands after a later one, or a second one has its number
	Unreadable Kind = "unreadable" // not an event of ours
)

// Break is one place where a chain does not hold.
type Break struct {
	Kind      Kind
	Producer  string
	Sequence  uint64 // of the record at which it was noticed
	StreamSeq uint64
	From, To  uint64 // Missing: the sequences that are not there
	Detail    string
}

func (b Break) String() string {
	s := fmt.Sprintf("%s: producer %s record %d (stream %d)", b.Kind, b.Producer, b.Sequence, b.StreamSeq)
	if b.Kind == Missing {
		s += fmt.Sprintf(": records %d to %d", b.From, b.To)
	}
	if b.Detail != "" {
		s += ": " + b.Detail
	}
	return s
}

// Producer is what the stream holds of one producer.
type Producer struct {
	ID         string
	First      uint64 // its first record in the stream; above 1 where older ones have expired
	Last       uint64
	Records    uint64
	Duplicates uint64
	Breaks     uint64
	Head       string // SHA-256 of its last record: to compare with what is known elsewhere
}

// Report is the result of a verification.
type Report struct {
	Records   uint64
	Deleted   int        // messages that the stream says were deleted out of its middle
	Producers []Producer // by ID
	Breaks    []Break    // in the order of the stream; the first maxBreaks
}

// OK tells whether every chain holds.
func (r *Report) OK() bool { return len(r.Breaks) == 0 && r.Deleted == 0 }

const maxBreaks = 100

// Verify reads the whole stream, up to the record that is the newest one when it begins or a little later. An error says
// that the stream could not be read; what is wrong with the records is in the report.
func Verify(ctx context.Context, js jetstream.JetStream) (Report, error) {
	s, err := js.Stream(ctx, stream.Name)
	if err != nil {
		return Report{}, fmt.Errorf("verify audit stream: %w", err)
	}
	state := s.CachedInfo().State
	v := verifier{chains: map[string]*link{}, whole: state.FirstSeq <= 1}
	v.report.Deleted = state.NumDeleted
	err = tail.Each(ctx, js, tail.Options{All: true, Once: true}, func(m jetstream.Msg, seq uint64) error {
		v.record(m.Data(), m.Headers().Get(nats.MsgIdHdr), seq)
		return nil
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify audit stream: %w", err)
	}
	return v.finish(), nil
}

// link is the newest record of a chain, and what is needed to recognise those that were published twice: a publisher repeats
// at most one batch, which is smaller than recentRecords.
type link struct {
	Producer
	hash   [32]byte
	recent [recentRecords]struct {
		seq  uint64
		hash [32]byte
	}
}

const recentRecords = 1024

func (c *link) seen(seq uint64, hash [32]byte) bool {
	r := &c.recent[seq%recentRecords]
	return r.seq == seq && r.hash == hash
}

func (c *link) remember(seq uint64, hash [32]byte) {
	r := &c.recent[seq%recentRecords]
	r.seq, r.hash = seq, hash
}

type verifier struct {
	report Report
	chains map[string]*link
	whole  bool // nothing has expired: every chain has to begin with 1
}

func (v *verifier) record(data []byte, id string, at uint64) {
	v.report.Records++
	view, err := tail.Parse(data)
	own := view.Own()
	b := Break{Producer: own.Producer, Sequence: view.Metadata.Sequence, StreamSeq: at}
	if err != nil || own.Producer == "" || b.Sequence == 0 {
		b.Kind, b.Detail = Unreadable, "no producer or sequence"
		v.broken(nil, b)
		return
	}
	hash := sha256.Sum256(data)
	c := v.chains[own.Producer]
	if c == nil {
		c = v.begin(own, b)
	} else if c.seen(b.Sequence, hash) {
		c.Duplicates++
		return
	}
	v.unaltered(c, b, data, id, hash)
	v.follow(c, b, own.PrevHash, hash)
}

// begin starts a chain with the first record of it that the stream holds.
func (v *verifier) begin(own *tail.Own, b Break) *link {
	c := &link{Producer: Producer{ID: own.Producer, First: b.Sequence, Last: b.Sequence - 1}}
	v.chains[own.Producer] = c
	if b.Sequence > 1 && v.whole {
		b.Kind, b.From, b.To = Missing, 1, b.Sequence-1
		v.broken(c, b)
	}
	return c
}

// unaltered checks a record by itself: this finds a change of the newest one too, unless its message id was changed with it.
func (v *verifier) unaltered(c *link, b Break, data []byte, id string, hash [32]byte) {
	canonical := jsontext.Value(bytes.Clone(data))
	switch err := canonical.Canonicalize(); {
	case id != "" && id != hex.EncodeToString(hash[:]):
		b.Detail = "its message id is of other bytes"
	case err != nil:
		b.Detail = err.Error()
	case !bytes.Equal(canonical, data):
		b.Detail = "not canonical JSON"
	default:
		return
	}
	b.Kind = Altered
	v.broken(c, b)
}

func (v *verifier) follow(c *link, b Break, prev string, hash [32]byte) {
	switch {
	case b.Sequence <= c.Last:
		b.Kind, b.Detail = Disordered, fmt.Sprintf("after record %d", c.Last)
		v.broken(c, b)
		return
	case b.Sequence > c.Last+1:
		b.Kind, b.From, b.To = Missing, c.Last+1, b.Sequence-1
		v.broken(c, b)
	case c.Records > 0 && prev != hex.EncodeToString(c.hash[:]), b.Sequence == 1 && prev != hex.EncodeToString(make([]byte, 32)):
		b.Kind, b.Detail = Changed, fmt.Sprintf("record %d is not the one that this one follows", b.Sequence-1)
		v.broken(c, b)
	}
	c.Records++
	c.Last, c.hash = b.Sequence, hash
	c.remember(b.Sequence, hash)
}

func (v *verifier) broken(c *link, b Break) {
	if c != nil {
		c.Breaks++
	}
	if len(v.report.Breaks) < maxBreaks {
		v.report.Breaks = append(v.report.Breaks, b)
	}
}

func (v *verifier) finish() Report {
	for _, c := range v.chains {
		c.Head = hex.EncodeToString(c.hash[:])
		v.report.Producers = append(v.report.Producers, c.Producer)
	}
	sort.Slice(v.report.Producers, func(i, j int) bool { return v.report.Producers[i].ID < v.report.Producers[j].ID })
	return v.report
}
