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
		depth := d.dec.StackDepth()
		for wanted := true; d.more(); {
			name := d.Text()
			if d.err != nil {
				return
			}
			wanted = wanted && yield(name)
			if _, n := d.dec.StackIndex(depth); d.err == nil && n%2 == 1 { // names and values count separately: odd, no value yet
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
		depth, wanted := d.dec.StackDepth(), true
		for i := 0; d.more(); i++ {
			wanted = wanted && yield(i)
			if _, n := d.dec.StackIndex(depth); d.err == nil && n == int64(i) {
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
	if _, err := d.dec.ReadToken(); err != nil {
		d.syntax(err)
		return false
	}
	if d.dec.StackDepth() > MaxDepth {
		d.Fail(tooDeep)
	}
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
	if _, err := d.dec.ReadToken(); err != nil {
		d.syntax(err)
	}
}
