package aggregate

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object whose values stay as they were written.
type object []member

type member struct {
	name  string
	value jsontext.Value
}

var errNoObject = errors.New("want a JSON object")

// parseObject reads one object. The values alias raw.
func parseObject(raw []byte) (object, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if d.PeekKind() != '{' {
		return nil, errNoObject
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	o := object{}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		end := d.InputOffset()
		m.value = raw[end-int64(len(value)) : end : end]
		o = append(o, m)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data behind the JSON object")
	}
	return o, nil
}

// parseArray reads one array; what is none has no elements.
func parseArray(raw jsontext.Value) []jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if d.PeekKind() != '[' {
		return nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	var items []jsontext.Value
	for {
		value, err := d.ReadValue()
		if err != nil { // the end of the array
			return items
		}
		end := d.InputOffset()
		items = append(items, raw[end-int64(len(value)):end:end])
	}
}

func (o object) get(name string) jsontext.Value {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

func (o object) has(name string) bool { return o.get(name) != nil }

// text is a member that is a string; anything else is "".
func (o object) text(name string) string {
	s, _ := unquote(o.get(name))
	return s
}

// object is a member that is an object; anything else has no members.
func (o object) object(name string) object {
	inner, err := parseObject(o.get(name))
	if err != nil {
		return nil
	}
	return inner
}

// set puts a value in the place of the one of this name, or behind all.
func (o *object) set(name string, value jsontext.Value) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{name, value})
}

func (o *object) remove(names ...string) {
	kept := (*o)[:0:0]
	for _, m := range *o {
		if !contains(names, m.name) {
			kept = append(kept, m)
		}
	}
	*o = kept
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func (o object) encode() jsontext.Value {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(m.name)...), ':'), m.value...)
	}
	return append(out, '}')
}

func encodeArray(items []jsontext.Value) jsontext.Value {
	return append(append([]byte{'['}, bytes.Join(asBytes(items), []byte{','})...), ']')
}

func asBytes(items []jsontext.Value) [][]byte {
	out := make([][]byte, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

// quote never fails: what is no UTF-8 becomes U+FFFD.
func quote(s string) jsontext.Value {
	q, _ := jsontext.AppendQuote(nil, s)
	return q
}

func unquote(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}
