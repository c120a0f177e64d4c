package gemini

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// Limits of arguments that come in pieces.
const (
	maxPieces = answer.MaxHeld // bytes of all pieces
	maxSteps  = 64             // of a path
	maxValues = 1 << 16        // of all arguments, those around others included
)

// pieces are the arguments of a call that come one by one: each a part of partialArgs, with the path of its place (RFC 9535, of names and indices).
type pieces struct {
	root   value
	open   *value // a text with which the next piece goes on
	size   int    // bytes that have come
	values int    // below root
	err    error
}

// value is an object, a list, a text or, raw, any other value; the zero value is none yet.
type value struct {
	members map[string]*value
	list    []*value
	text    *bytes.Buffer
	raw     []byte
}

// add takes a list of pieces.
func (p *pieces) add(list []byte) {
	p.size += len(list)
	if p.err == nil && p.size > maxPieces {
		p.err = errLarge
	}
	d := strictjson.New(list)
	each(d, func() {
		if p.err == nil {
			p.err = p.one(d)
		} else {
			d.Skip()
		}
	})
	if p.err == nil {
		p.err = d.End()
	}
}

var errLarge = errors.New("the arguments of a call are too large")

// one takes one piece.
func (p *pieces) one(d *strictjson.Decoder) error {
	var path string
	var said value
	goesOn, values := false, 0
	f := fields{lenient: true}
	for name := range f.of(d) {
		switch string(name) {
		case "jsonPath":
			path = string(d.MaybeText())
		case "willContinue":
			goesOn = d.Kind() == 't'
		case "stringValue":
			values++
			said.text = bytes.NewBuffer(bytes.Clone(d.MaybeText()))
		case "numberValue", "boolValue":
			values++
			said.raw = bytes.Clone(d.Value())
		case "nullValue":
			values++
			said.raw = []byte("null")
		default:
			values += 2 // of a version to come
		}
	}
	at, err := p.find(path)
	switch {
	case err != nil:
		return err
	case p.values > maxValues:
		return errLarge
	case values == 0 && !goesOn && at == p.open: // a text ends
	case values != 1 || goesOn && said.text == nil:
		return errors.New("a piece of a call's arguments is not of one value")
	case at == p.open && said.text != nil:
		at.text.Write(said.text.Bytes())
	case !at.none():
		return errors.New("a call says one of its arguments twice")
	default:
		*at = said
	}
	if p.open = nil; goesOn {
		p.open = at
	}
	return nil
}

func (v *value) none() bool {
	return v.members == nil && v.list == nil && v.text == nil && v.raw == nil
}

var errPath = errors.New("a piece of a call's arguments has a path that is not judged: want names and indices")

// find returns the place of a path, which may be new.
func (p *pieces) find(path string) (*value, error) {
	v := &p.root
	rest, ok := strings.CutPrefix(path, "$")
	for steps := 0; ok && rest != ""; steps++ {
		if steps == maxSteps {
			return nil, errPath
		}
		var name string
		switch {
		case strings.HasPrefix(rest, "['"):
			name, rest, ok = strings.Cut(rest[2:], "']")
		case strings.HasPrefix(rest, `["`):
			name, rest, ok = strings.Cut(rest[2:], `"]`)
		case rest[0] == '[':
			if name, rest, ok = strings.Cut(rest[1:], "]"); ok {
				v, ok = p.element(v, name)
			}
			continue
		case rest[0] == '.':
			end := 1 + strings.IndexAny(rest[1:]+".", ".[")
			name, rest = rest[1:end], rest[end:]
			ok = name != ""
		default:
			ok = false
		}
		if ok = ok && !strings.ContainsAny(name, `\'"*`); ok {
			v, ok = p.member(v, name)
		}
	}
	if !ok || path == "$" {
		return nil, errPath
	}
	return v, nil
}

func (p *pieces) member(v *value, name string) (*value, bool) {
	if v.none() {
		v.members = map[string]*value{}
	}
	if v.members != nil && v.members[name] == nil {
		v.members[name] = &value{}
		p.values++
	}
	return v.members[name], v.members != nil
}

// element is one of a list that is there, or the one behind the last.
func (p *pieces) element(v *value, index string) (*value, bool) {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i > len(v.list) || v.list == nil && !v.none() || strconv.Itoa(i) != index {
		return nil, false
	}
	if i == len(v.list) {
		v.list = append(v.list, &value{})
		p.values++
	}
	return v.list[i], true
}

// json is the object of all that has come.
func (p *pieces) json() []byte {
	if p.root.none() {
		return []byte("{}")
	}
	return p.root.append(nil)
}

func (v *value) append(dst []byte) []byte {
	switch {
	case v.text != nil:
		return append(dst, answer.Quote(v.text.String())...)
	case v.raw != nil:
		return append(dst, v.raw...)
	case v.list != nil:
		before := byte('[')
		for _, one := range v.list {
			dst = one.append(append(dst, before))
			before = ','
		}
		return append(dst, ']')
	case v.members != nil:
		before := byte('{')
		for _, name := range slices.Sorted(maps.Keys(v.members)) {
			dst = append(append(append(dst, before), answer.Quote(name)...), ':')
			dst = v.members[name].append(dst)
			before = ','
		}
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}
