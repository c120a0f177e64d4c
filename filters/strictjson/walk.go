package strictjson

import "iter"

// Object reads an object and yields the name of each member, unescaped, with its value next to be read:
//
//	for name := range d.Object() {
//		switch string(name) {
//		case "model":
//			model = d.String()
//		}
//	}
//
// A value that the loop leaves unread is skipped, and so is the rest of the object if the loop is left early: afterwards the
// decoder always stands behind the object. Anything but an object is an error. The name is valid as long as the body.
func (d *Decoder) Object() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !d.open('{', "an object") {
			return
		}
		depth := len(d.levels) - 1
		for wanted := true; d.more(); {
			if d.read(); d.err != nil {
				return
			}
			wanted = wanted && yield(d.levels[depth].name)
			if d.err == nil && d.levels[depth].named { // its value was left
				d.read()
			}
		}
		d.close()
	}
}

// Array reads an array and yields the index of each element, which is next to be read. The rules of [Decoder.Object] hold.
func (d *Decoder) Array() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !d.open('[', "an array") {
			return
		}
		depth, wanted := len(d.levels)-1, true
		for i := 0; d.more(); i++ {
			wanted = wanted && yield(i)
			if d.err == nil && d.levels[depth].n == i {
				d.read()
			}
		}
		d.close()
	}
}

func (d *Decoder) open(kind Kind, what string) bool {
	if d.Kind() != kind {
		d.expect(what, kind)
		return false
	}
	d.base = len(d.levels)
	d.token(byte(kind))
	return d.err == nil
}

// more tells whether a member or element follows. A syntax error counts as no, and comes out of close.
func (d *Decoder) more() bool {
	k := d.Kind()
	return k != 0 && k != '}' && k != ']'
}

func (d *Decoder) close() {
	if d.err != nil {
		return
	}
	c := d.peek()
	if c != '}' && c != ']' {
		c = 0
	}
	d.token(c)
}
