package strictjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// level is an object or array that was entered and not left.
type level struct {
	object bool
	named  bool                // object: a name was read, and its value was not
	n      int                 // members or elements so far, the one that is being read among them
	first  int                 // object: where its names begin in Decoder.names
	name   []byte              // object: the last one
	many   map[string]struct{} // object: all of them, where they are too many to compare each with each
}

// manyNames is how many names of an object are compared one by one.
const manyNames = 24

// peek reads what stands before the next token and returns its first byte; 0 where nothing may follow, or something else had to.
func (d *Decoder) peek() byte {
	if d.ready {
		return d.body[d.pos]
	}
	i := space(d.body, d.pos)
	if i >= len(d.body) || d.whole {
		return 0
	}
	if n := len(d.levels); n > 0 {
		l := &d.levels[n-1]
		var before byte
		switch c := d.body[i]; {
		case l.named:
			before = ':'
		case l.n > 0 && c != '}' && c != ']':
			before = ','
		}
		if before != 0 {
			if d.body[i] != before {
				return 0
			}
			if i = space(d.body, i+1); i >= len(d.body) || d.body[i] == '}' || d.body[i] == ']' {
				return 0
			}
		}
	}
	d.pos, d.ready = i, true
	return d.body[i]
}

// end is behind what was read last.
func (d *Decoder) end() int {
	if !d.ready {
		return d.pos
	}
	return len(bytes.TrimRight(d.body[:d.pos], " \t\r\n,:"))
}

// token reads the token at pos, whose first byte is c, as peek found it: a scalar, a name, or what begins or ends an object or array.
func (d *Decoder) token(c byte) {
	if c == 0 {
		d.syntax()
		return
	}
	var l *level
	if n := len(d.levels); n > 0 {
		l = &d.levels[n-1]
		if c == '}' && l.object && !l.named || c == ']' && !l.object {
			d.leave()
			return
		}
		if l.object && !l.named {
			d.member(l, c)
			return
		}
	}
	end := 0
	switch c {
	case '{', '[':
		d.begun(l)
		d.enter(c == '{')
		return
	case '"':
		end, _ = stringAt(d.body, d.pos)
	case 't':
		end = literalAt(d.body, d.pos, "true")
	case 'f':
		end = literalAt(d.body, d.pos, "false")
	case 'n':
		end = literalAt(d.body, d.pos, "null")
	default:
		end = numberAt(d.body, d.pos)
	}
	d.accept(end)
}

// accept takes the scalar at pos as read, up to its end; 0: there is none.
func (d *Decoder) accept(end int) {
	if end == 0 {
		d.syntax()
		return
	}
	var l *level
	if n := len(d.levels); n > 0 {
		l = &d.levels[n-1]
	}
	d.begun(l)
	d.pos, d.ready, d.whole = end, false, l == nil
}

// begun counts a value in the object or array that it stands in.
func (d *Decoder) begun(in *level) {
	if in == nil {
		return
	}
	in.named = false
	if !in.object {
		in.n++
	}
}

func (d *Decoder) enter(object bool) {
	if len(d.levels) == MaxDepth {
		d.levels = d.levels[:d.base]
		d.Fail(tooDeep)
		return
	}
	d.levels = append(d.levels, level{object: object, first: len(d.names)})
	d.pos, d.ready = d.pos+1, false
}

func (d *Decoder) leave() {
	n := len(d.levels) - 1
	d.names = d.names[:d.levels[n].first]
	d.kept -= max(0, len(d.levels[n].many)-manyNames-1) // as many as isNew has counted
	d.levels = d.levels[:n]
	d.pos, d.ready, d.whole = d.pos+1, false, n == 0
}

// member reads the name of a member.
func (d *Decoder) member(l *level, c byte) {
	end := 0
	if c == '"' {
		end, _ = stringAt(d.body, d.pos)
	}
	if end == 0 {
		d.syntax()
		return
	}
	l.name = d.unescaped(d.body[d.pos+1 : end-1])
	l.n, l.named = l.n+1, true
	d.pos, d.ready = end, false
	switch {
	case !d.isNew(l):
		d.syntax()
	case d.kept > MaxNames:
		d.levels = d.levels[:d.base]
		d.Fail(tooManyNames)
	}
}

// isNew notes the last name of an object, and says no to one that it has already.
func (d *Decoder) isNew(l *level) bool {
	if l.many != nil {
		d.kept++
		_, twice := l.many[string(l.name)]
		l.many[string(l.name)] = struct{}{}
		return !twice
	}
	own := d.names[l.first:]
	for _, name := range own {
		if bytes.Equal(name, l.name) {
			return false
		}
	}
	if d.names = append(d.names, l.name); len(own) >= manyNames {
		l.many = make(map[string]struct{}, 4*manyNames)
		for _, name := range d.names[l.first:] {
			l.many[string(name)] = struct{}{}
		}
	}
	return true
}

// space is behind the white space at i.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringAt returns the end of the string that begins at i, and whether it has escapes; 0 where it is none.
func stringAt(b []byte, i int) (end int, escapes bool) {
	i++
	start, wide := i, uint64(0)
	for {
		i, wide = plain(b, i, wide)
		switch {
		case i >= len(b) || b[i] < ' ':
			return 0, escapes
		case b[i] == '"':
			if wide != 0 && !utf8.Valid(b[start:i]) {
				return 0, escapes
			}
			return i + 1, escapes
		}
		escapes = true
		if i+1 < len(b) && short[b[i+1]] != 0 {
			i += 2
			continue
		}
		_, n := unicodeAt(b[i:])
		if n == 0 {
			return 0, true
		}
		i += n
	}
}

const low, high = 0x0101010101010101, 0x8080808080808080

// special marks what ends a run of plain bytes in a word: quotes, backslashes and control characters. The lowest bit that is set marks
// the first of them; those above it may be wrong.
func special(w uint64) uint64 {
	quote, slash := w^('"'*low), w^('\\'*low)
	return ((quote-low)&^quote | (slash-low)&^slash | (w-' '*low)&^w) & high
}

// plain passes over bytes of a string that stand for themselves, eight at a time: it stops at a quote, an escape or a control
// character. wide collects what is not ASCII, and may count bytes that follow.
func plain(b []byte, i int, wide uint64) (int, uint64) {
	for ; i+word <= len(b); i += word {
		w := binary.LittleEndian.Uint64(b[i:])
		wide |= w & high
		if found := special(w); found != 0 {
			return i + bits.TrailingZeros64(found)/8, wide
		}
	}
	for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
		wide |= uint64(b[i] & 0x80)
	}
	return i, wide
}

// short are the escapes of one letter (RFC 8259, section 7) and what they stand for.
var short = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unicodeAt reads the escape of a code point and returns its length; 0 where it is none. Surrogates must come in pairs.
func unicodeAt(b []byte) (r rune, n int) {
	switch r = unitAt(b); {
	case r < 0:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	if r = utf16.DecodeRune(r, unitAt(b[6:])); r != utf8.RuneError {
		return r, 12
	}
	return 0, 0
}

// unitAt reads an escape of four digits; below 0: there is none.
func unitAt(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

const (
	roomSize  = 128 << 10 // how much room for unescaped texts is made at once, at most
	leastRoom = 4 << 10   // how much must be left where a text begins whose length is not known
	word      = 8
)

// textAt reads the string at i in one go: what it stands for, and its end; 0 where there is none.
func (d *Decoder) textAt(i int) (text []byte, end int) {
	b, start := d.body, i+1
	i, wide := plain(b, start, 0)
	if i >= len(b) || b[i] != '\\' || i-start > leastRoom/2 {
		if end, _ = stringAt(b, start-1); end == 0 {
			return nil, 0
		}
		return d.unescaped(b[start : end-1]), end
	}
	if len(d.room) < leastRoom {
		d.room = make([]byte, min(roomSize, len(b)-start)+leastRoom)
	}
	out := d.room
	n := copy(out, b[start:i])
	for n+2*word <= len(out) {
		if b[i] == '\\' {
			if i+1 < len(b) && short[b[i+1]] != 0 {
				out[n] = short[b[i+1]]
				n, i = n+1, i+2
			} else if r, size := unicodeAt(b[i:]); size != 0 {
				n, i = n+utf8.EncodeRune(out[n:], r), i+size
			} else {
				return nil, 0
			}
		}
		for i+word <= len(b) && n+2*word <= len(out) { // copies a word, and goes back to what is special in it
			w := binary.LittleEndian.Uint64(b[i:])
			binary.LittleEndian.PutUint64(out[n:], w)
			wide |= w & high
			if found := special(w); found != 0 {
				at := bits.TrailingZeros64(found) / 8
				n, i = n+at, i+at
				break
			}
			n, i = n+word, i+word
		}
		for ; i+word > len(b) && i < len(b) && n+2*word <= len(out) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
			out[n] = b[i]
			wide |= uint64(b[i] & 0x80)
			n++
		}
		switch {
		case i >= len(b) || b[i] < ' ':
			return nil, 0
		case b[i] == '"':
			if wide != 0 && !utf8.Valid(b[start:i]) {
				return nil, 0
			}
			d.room = out[n:]
			return out[:n:n], i + 1
		}
	}
	if end, _ = stringAt(b, start-1); end == 0 { // it is longer than the room
		return nil, 0
	}
	return d.unescaped(b[start : end-1]), end
}

// unescaped is what the valid string with the content inner stands for.
func (d *Decoder) unescaped(inner []byte) []byte {
	next := bytes.IndexByte(inner, '\\')
	if next < 0 {
		return inner
	}
	if len(d.room) < len(inner) {
		d.room = make([]byte, max(len(inner), min(roomSize, len(d.body)-d.pos)))
	}
	out := appendUnescaped(d.room[:0], inner, next)
	d.room = d.room[len(out):]
	return out[:len(out):len(out)]
}

// Unescape is what a string stands for that was read before, of which written is what stands between the quotes.
func Unescape(written []byte) []byte {
	next := bytes.IndexByte(written, '\\')
	if next < 0 {
		return written
	}
	return appendUnescaped(make([]byte, 0, len(written)), written, next)
}

// appendUnescaped appends what the valid string with the content inner stands for, whose first escape is at next.
func appendUnescaped(out, inner []byte, next int) []byte {
	for next >= 0 {
		out = append(out, inner[:next]...)
		r, n := rune(short[inner[next+1]]), 2
		if r == 0 {
			r, n = unicodeAt(inner[next:])
		}
		out, inner = utf8.AppendRune(out, r), inner[next+n:]
		next = bytes.IndexByte(inner, '\\')
	}
	return append(out, inner...)
}

func literalAt(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return 0
	}
	return i + len(word)
}

// numberAt returns the end of the number at i (RFC 8259, section 6); 0 where there is none.
func numberAt(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := digits(b, i)
	if whole == i || b[i] == '0' && whole > i+1 {
		return 0
	}
	i = whole
	if i < len(b) && b[i] == '.' {
		fraction := digits(b, i+1)
		if fraction == i+1 {
			return 0
		}
		i = fraction
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := digits(b, i)
		if exponent == i {
			return 0
		}
		i = exponent
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
