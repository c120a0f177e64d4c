package ocsf

import (
	"encoding/hex"
	"strconv"
	"strings"

	"bartizan/filters"
)

// Version is the OCSF version that events conform to.
const Version = "1.8.0"

// MaxSize bounds an event in bytes; the stream's message limit lies above it.
const MaxSize = 384 << 10

// Limits of foreign strings (bytes) and lists (items).
const (
	limitName  = 128
	limitText  = 512
	limitItems = 32
	limitCalls = 64

	limitFindings = 4 // of one item
)

// Payload says what a record tells about bodies.
type Payload string

// The payload modes. The zero value is PayloadDigest.
const (
	PayloadNone     Payload = "none"     // sizes only
	PayloadDigest   Payload = "digest"   // sizes and SHA-256
	PayloadRedacted Payload = "redacted" // the beginning of what was passed on as well: after redaction, credentials masked
	PayloadFull     Payload = "full"     // the beginning of what came, as it came
)

// LimitPayload is how much is shown of a request, and of a response, in bytes.
const LimitPayload = 32 << 10

// Payloads lists the modes.
func Payloads() []Payload { return []Payload{PayloadNone, PayloadDigest, PayloadRedacted, PayloadFull} }

// Source is what an event says of the gateway that writes it.
type Source struct {
	Tenant   string // metadata.tenant_uid and a token of the subject; empty: "default"
	Payload  Payload
	Producer string // the chain that the event belongs to
	Version  string // of the product; may be empty
}

// Draft is an encoded event that has not yet taken its place in a chain.
type Draft struct {
	Subject string
	buf     []byte
	seqAt   int // where metadata.sequence goes
	hashAt  int // where unmapped.bartizan.prev_hash goes
}

// Size is the length of the stamped event, or a little more.
func (d *Draft) Size() int { return len(d.buf) + 20 + 64 }

// Stamp appends the finished event to dst: the draft with its sequence and the SHA-256 of the event before it.
func (d *Draft) Stamp(dst []byte, seq uint64, prev [32]byte) []byte {
	dst = append(dst, d.buf[:d.seqAt]...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, d.buf[d.seqAt:d.hashAt]...)
	dst = hex.AppendEncode(dst, prev[:])
	return append(dst, d.buf[d.hashAt:]...)
}

// Encode writes r as an event. It keeps nothing of r.
func Encode(r *filters.Record, s Source) *Draft {
	x := r.Exchange
	if x == nil {
		x = &filters.Exchange{}
	}
	e := event{writer: writer{buf: make([]byte, 1, 4096)}, r: r, x: x, s: s}
	e.buf[0] = '{'
	e.write()
	return &Draft{Subject: Subject(s.Tenant, x.Route.Surface, r.Outcome), buf: e.buf, seqAt: e.seqAt, hashAt: e.hashAt}
}

// Subject returns audit.v1.<tenant>.<surface>.<outcome>, each a single token. Nothing that a user can choose is part of it.
func Subject(tenant string, surface filters.Surface, outcome filters.Outcome) string {
	return "audit.v1." + token(tenant, "default") + "." + token(string(surface), "none") + "." + token(string(outcome), "none")
}

func token(s, empty string) string {
	if s == "" {
		return empty
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		}
		return '_'
	}, s[:min(len(s), 64)])
}

// UID is the event's metadata.uid: the exchange's decision id, and for the intent that precedes it the id with a suffix, since the
// two are different events.
func UID(r *filters.Record) string {
	id := ""
	if r.Exchange != nil {
		id = r.Exchange.ID
	}
	if r.Phase == phaseIntent {
		return id + ".intent"
	}
	return id
}

const phaseIntent = "intent"
