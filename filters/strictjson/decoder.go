package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth limits how deep objects and arrays may nest. Real bodies stay below 20, with tool schemas the deepest part; parsers
// of providers give up somewhere between 100 and 1,000, and what they refuse need not be judged.
const MaxDepth = 64

// Kind is the kind of a JSON value: its first byte, with '0' for every number.
type Kind = jsontext.Kind

// Decoder walks one JSON value. What it returns aliases the body, which must not change as long as the results are in use.
type Decoder struct {
	body []byte
	buf  bytes.Buffer
	dec  jsontext.Decoder
	last [2]int // where the value that was read last begins and ends
	err  *filters.BodyError
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
	d.body, d.err = body, nil
	d.buf = *bytes.NewBuffer(body)
	d.dec.Reset(&d.buf)
}

// Kind tells the kind of the next value without reading it. It is 0 after an error or at the end.
func (d *Decoder) Kind() Kind {
	if d.err != nil {
		return 0
	}
	return d.dec.PeekKind()
}

// Text reads a string and returns it unescaped. It aliases the body where nothing was escaped, and is nil only after an error.
func (d *Decoder) Text() []byte {
	raw := d.expect("a string", '"')
	if raw == nil {
		return nil
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, err := jsontext.AppendUnquote([]byte(nil), raw) // grows once, to the length of raw
	if err != nil {                                       // the value was read as valid: not reachable, and yet not to be passed over
		d.Fail("string cannot be unescaped")
		return nil
	}
	return text
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

// Mark notes the place before the next value, for [Decoder.Since].
func (d *Decoder) Mark() int { return int(d.dec.InputOffset()) }

// Since returns the bytes of the value that was read since mark was taken right before it.
func (d *Decoder) Since(mark int) []byte {
	return bytes.TrimLeft(d.body[mark:d.dec.InputOffset()], " \t\r\n,:")
}

// Range is where the value that was read last by one call (Text, Value, Skip and their like) begins in the body, and ends.
func (d *Decoder) Range() (start, end int) { return d.last[0], d.last[1] }

// RangeSince is where the value of [Decoder.Since] begins in the body, and ends.
func (d *Decoder) RangeSince(mark int) (start, end int) {
	end = int(d.dec.InputOffset())
	return end - len(d.Since(mark)), end
}

// Pointer is the JSON pointer (RFC 6901) of the value, or the member name, that was read last. It is empty for the whole body.
func (d *Decoder) Pointer() string { return string(d.dec.StackPointer()) }

// Err returns the first error, a *filters.BodyError, or nil.
func (d *Decoder) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

// End says whether the whole body was one value: it returns the first error, or one about bytes behind the value.
func (d *Decoder) End() error {
	if d.err == nil {
		if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
			d.refuse("", "trailing data after the JSON value")
		}
	}
	return d.Err()
}

// read consumes the next value. Its place is taken from the offset, so that the result aliases the body and nothing else.
func (d *Decoder) read() []byte {
	if d.err != nil {
		return nil
	}
	v, err := d.dec.ReadValue()
	if err != nil {
		d.syntax(err)
		return nil
	}
	end := int(d.dec.InputOffset())
	d.last = [2]int{end - len(v), end}
	raw := d.body[end-len(v) : end : end]
	if deeper(raw, MaxDepth-d.dec.StackDepth()) {
		d.Fail(tooDeep)
		return nil
	}
	return raw
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

// deeper tells whether the valid JSON value raw nests more than limit levels.
func deeper(raw []byte, limit int) bool {
	if raw[0] != '{' && raw[0] != '[' {
		return false
	}
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}
