package gemini

import (
	"bytes"
	"iter"

	"bartizan/filters/strictjson"
)

// maxFields limits the members of one object of the API; those that it has are fewer than half as many.
const maxFields = 64

// fields reads objects of the API, whose members may be spelt in two ways. The zero value is ready; it serves one body at a time.
type fields struct {
	lenient bool     // what is no object has no members, and is no error
	seen    [][]byte // the names of the objects that are being read, the innermost's last
}

// of yields the members of an object by their names in camelCase, as strictjson.Decoder.Object does. A member that is null counts as
// absent; two spellings of one name are an error.
func (f *fields) of(d *strictjson.Decoder) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if f.lenient && d.Kind() != '{' {
			d.Skip()
			return
		}
		first := len(f.seen)
		for name := range d.Object() {
			if name = f.spelt(d, first, name); name != nil && !d.Null() && !yield(name) {
				break
			}
		}
		f.seen = f.seen[:first]
	}
}

// spelt is the name in camelCase, nil where it has been seen in the object whose names begin at first.
func (f *fields) spelt(d *strictjson.Decoder, first int, name []byte) []byte {
	name = camel(name)
	switch {
	case f.twice(first, name):
		d.Fail("two spellings of one name")
		return nil
	case len(f.seen)-first == maxFields:
		d.Fail("an object with more than 64 members")
		return nil
	}
	f.seen = append(f.seen, name)
	return name
}

func (f *fields) twice(first int, name []byte) bool {
	for _, seen := range f.seen[first:] {
		if bytes.Equal(seen, name) {
			return true
		}
	}
	return false
}

// camel spells a name in camelCase: it returns name itself where it is. It takes more for the same name than parsers of Protocol
// Buffers do (system_Instruction), so that none can see a field where the gateway sees none.
func camel(name []byte) []byte {
	if bytes.IndexByte(name, '_') < 0 && (len(name) == 0 || name[0] == lower(name[0])) {
		return name
	}
	out := make([]byte, 0, len(name))
	up := false
	for _, c := range name {
		switch {
		case c == '_':
			up = len(out) > 0
			continue
		case len(out) == 0:
			c = lower(c)
		case up && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		out, up = append(out, c), false
	}
	return out
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// each reads what is repeated: a list, or one value in the place of a list of one.
func each(d *strictjson.Decoder, one func()) {
	if d.Kind() != '[' {
		one()
		return
	}
	for range d.Array() {
		one()
	}
}
