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
	maxPieces   = answer.MaxHeld // bytes of all pieces of an answer
	maxUnjudged = 1 << 20        // the same where nobody judges: beyond it arguments have no digest
	maxValues   = 1 << 16        // of all arguments of an answer, those around others included
	maxSteps    = 64             // of a path
)

// taken is what the arguments of an answer's calls have taken so far, and how many bytes at most they may: candidates beside one another are bounded
// together.
type taken struct{ bytes, most, values int }

// pieces are the arguments of a call that come one by one: each a part of partialArgs, with the path of its place (RFC 9535, of names and indices).
type pieces struct {
	root  value
	open  *value // a text with which the next piece goes on
	taken *taken // of the answer
	err   error
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
	p.taken.bytes += len(list)
	if p.err == nil && p.taken.bytes > p.taken.most {
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

var (
	errLarge = errors.New("the arguments of a call are too large")
	errValue = errors.New("a piece of a call's arguments is not of one value")
	errPath  = errors.New("a piece of a call's arguments has a path that is not judged: want names and indices")
)

// piece is an element of partialArgs.
type piece struct {
	path    string
	value   value
	values  int // that it has
	goesOn  bool
	unclear bool // to clients it may have another value
}

func read(d *strictjson.Decoder) (p piece) {
	f := fields{lenient: true}
	for name := range f.of(d) {
		switch string(name) {
		case "jsonPath":
			p.path = string(d.MaybeText())
			continue
		case "willContinue":
			p.goesOn = continues(d)
			continue
		case "stringValue":
			p.unclear = p.unclear || d.Kind() != '"'
			p.value.text = bytes.NewBuffer(bytes.Clone(d.MaybeText()))
		case "numberValue", "boolValue":
			p.value.raw = bytes.Clone(d.Value())
		case "nullValue":
			p.unclear = p.unclear || string(d.MaybeText()) != "NULL_VALUE"
			p.value.raw = []byte("null")
		default: // of a version to come
			p.unclear = true
		}
		p.values++
	}
	return p
}

// continues reads a willContinue. What is no boolean is true to many a client.
func continues(d *strictjson.Decoder) bool { return d.Kind() != 'f' }

// one takes one piece.
func (p *pieces) one(d *strictjson.Decoder) error {
	said := read(d)
	at, err := p.find(said.path)
	switch {
	case err != nil:
		return err
	case p.taken.values > maxValues:
		return errLarge
	case said.unclear:
		return errValue
	case said.values == 0 && !said.goesOn && at == p.open: // a text ends
	case said.values != 1 || said.goesOn && said.value.text == nil:
		return errValue
	case at == p.open && said.value.text != nil:
		at.text.Write(said.value.text.Bytes())
	case !at.none():
		return errors.New("a call says one of its arguments twice")
	default:
		*at = said.value
	}
	if p.open = nil; said.goesOn {
		p.open = at
	}
	return nil
}

func (v *value) none() bool {
	return v.members == nil && v.list == nil && v.text == nil && v.raw == nil
}

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
			name, rest = rest[1:], ""
			if end := strings.IndexAny(name, ".["); end >= 0 {
				name, rest = name[:end], name[end:]
			}
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
		p.taken.values++
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
		p.taken.values++
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
