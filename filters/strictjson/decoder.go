package strictjson

import (
	"bytes"
	"strconv"
	"strings"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth limits how deep objects and arrays may nest. Real bodies stay below 20, with tool schemas the deepest part; parsers
// of providers give up somewhere between 100 and 1,000, and what they refuse need not be judged.
const MaxDepth = 64

// MaxNames limits the names of the objects around one place, beyond the first few of each, since all of them have to be known there: without
// a limit the names of 40 MiB take seven times as much. The largest objects of real bodies, schemas of tools, have some hundred members, those of data some thousands.
const MaxNames = 1 << 18

// Kind is the kind of a JSON value: its first byte, with '0' for every number.
type Kind = jsontext.Kind

// Decoder walks one JSON value. What it returns aliases the body, which must not change as long as the results are in use.
type Decoder struct {
	body   []byte
	pos    int     // behind what was read, or at the next token where that was peeked
	ready  bool    // pos is at the next token: the comma or colon before it was read
	whole  bool    // the value was read to its end
	levels []level // the objects and arrays around pos
	base   int     // how many of them were there when the value that is read began
	names  [][]byte
	kept   int    // names in the maps of levels
	room   []byte // for texts that were unescaped; its free part only
	last   [2]int // where the value that was read last begins and ends
	err    *filters.BodyError
}

// New returns a Decoder of body.
func New(body []byte) *Decoder {
	d := new(Decoder)
	d.Reset(body)
	return d
}

// Validate checks that raw is exactly one JSON value, strictly.
func Validate(raw []byte) error {
	d := New(raw)
	d.Skip()
	return d.End()
}

// Reset begins anew with another body and keeps the memory of the former one's parse.
func (d *Decoder) Reset(body []byte) {
	*d = Decoder{body: body, levels: d.levels[:0], names: d.names[:0], room: d.room}
}

// Kind tells the kind of the next value without reading it. It is 0 after an error or at the end.
func (d *Decoder) Kind() Kind {
	if d.err != nil {
		return 0
	}
	switch c := d.peek(); {
	case c == '-', c >= '0' && c <= '9':
		return '0'
	case c == '"', c == '{', c == '[', c == '}', c == ']', c == 't', c == 'f', c == 'n':
		return Kind(c)
	}
	return 0
}

// Text reads a string and returns it unescaped. It aliases the body where nothing was escaped, and is nil only after an error.
func (d *Decoder) Text() []byte {
	if d.err == nil && d.peek() == '"' {
		start := d.pos
		text, end := d.textAt(start)
		if d.accept(end); d.err != nil {
			return nil
		}
		d.last = [2]int{start, end}
		return text
	}
	d.expect("a string", '"')
	return nil
}

// String reads a string and copies it.
func (d *Decoder) String() string { return string(d.Text()) }

// Int64 reads a number that is written as an integer. 1.0 and 1e3 are none.
func (d *Decoder) Int64() int64 {
	raw := d.expect("a number", '0')
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		d.Fail("want an integer of 64 bits")
	}
	return n
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	raw := d.expect("a boolean", 't', 'f')
	return raw != nil && raw[0] == 't'
}

// MaybeText reads a string, or skips any other value and returns nil: for members that matter only where they are strings.
func (d *Decoder) MaybeText() []byte {
	if d.Kind() == '"' {
		return d.Text()
	}
	d.Skip()
	return nil
}

// MaybeInt64 reads an integer, or skips any other value, a number that is no 64-bit integer included.
func (d *Decoder) MaybeInt64() (n int64, ok bool) {
	if d.Kind() != '0' {
		d.Skip()
		return 0, false
	}
	n, err := strconv.ParseInt(string(d.read()), 10, 64)
	return n, err == nil
}

// Null reads a null and says so; it leaves any other value in place.
func (d *Decoder) Null() bool { return d.Kind() == 'n' && d.read() != nil }

// Value reads any value and returns its bytes as they stand in the body, checked. It is nil after an error.
func (d *Decoder) Value() []byte { return d.read() }

// Skip reads over any value, checking it.
func (d *Decoder) Skip() { d.read() }

// Rest is the body from the next value on; nil after an error or at the end.
func (d *Decoder) Rest() []byte {
	if d.Kind() == 0 {
		return nil
	}
	return d.body[d.pos:len(d.body):len(d.body)]
}

// Pass reads over an object or array of n bytes, which is known to be right: it was read before, byte for byte and as deep in a body.
func (d *Decoder) Pass(n int) {
	start := d.pos
	d.accept(start + n)
	d.last = [2]int{start, d.pos}
}

// Mark notes the place before the next value, for [Decoder.Since].
func (d *Decoder) Mark() int { return d.pos }

// Since returns the bytes of the value that was read since mark was taken right before it.
func (d *Decoder) Since(mark int) []byte {
	return bytes.TrimLeft(d.body[mark:d.end()], " \t\r\n,:")
}

// Range is where the value that was read last by one call (Text, Value, Skip and their like) begins in the body, and ends.
func (d *Decoder) Range() (start, end int) { return d.last[0], d.last[1] }

// RangeSince is where the value of [Decoder.Since] begins in the body, and ends.
func (d *Decoder) RangeSince(mark int) (start, end int) {
	end = d.end()
	return end - len(d.Since(mark)), end
}

// Pointer is the JSON pointer (RFC 6901) of the value, or the member name, that was read last. It is empty for the whole body.
func (d *Decoder) Pointer() string {
	var few [64]byte // most are short
	out := few[:0]
	for i := range d.levels {
		switch l := &d.levels[i]; {
		case l.n == 0:
		case l.object:
			out = append(append(out, '/'), escape(l.name)...)
		default:
			out = strconv.AppendInt(append(out, '/'), int64(l.n-1), 10)
		}
	}
	return string(out)
}

// escape writes a name as a token of a pointer.
func escape(name []byte) string {
	if bytes.IndexByte(name, '~') < 0 && bytes.IndexByte(name, '/') < 0 {
		return string(name)
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(string(name))
}

// Err returns the first error, a *filters.BodyError, or nil.
func (d *Decoder) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

// End says whether the whole body was one value: it returns the first error, or one about bytes behind the value.
func (d *Decoder) End() error {
	if d.err == nil && !d.whole {
		d.syntax()
	}
	if d.err == nil && space(d.body, d.pos) < len(d.body) {
		d.refuse("", "trailing data after the JSON value")
	}
	return d.Err()
}

// read consumes the next value, or the name of a member.
func (d *Decoder) read() []byte {
	if d.err != nil {
		return nil
	}
	c := d.peek()
	start, depth := d.pos, len(d.levels)
	d.base = depth
	for d.token(c); d.err == nil && len(d.levels) > depth; {
		d.token(d.peek())
	}
	if d.err != nil {
		return nil
	}
	d.last = [2]int{start, d.pos}
	return d.body[start:d.pos:d.pos]
}

// expect reads a value that must be of one of kinds; what names them for the reader of the error.
func (d *Decoder) expect(what string, kinds ...Kind) []byte {
	got := d.Kind()
	raw := d.read()
	if raw == nil {
		return nil
	}
	for _, k := range kinds {
		if got == k {
			return raw
		}
	}
	d.Fail("want " + what + ", got " + describe(got))
	return nil
}
