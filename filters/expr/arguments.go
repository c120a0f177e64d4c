package expr

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeArguments turns the raw JSON arguments of a tool call into CEL values. No arguments are an empty map. Numbers without
// fraction or exponent that fit are int, so that ids compare exactly; all others are double, as JSON's are in CEL. What is not
// one object within the limits is an error value, which fails every expression that reads it.
func decodeArguments(adapter types.Adapter, raw []byte) ref.Val {
	if len(raw) == 0 {
		return newRecord(nil)
	}
	d := argumentDecoder{dec: jsontext.NewDecoder(bytes.NewReader(raw)), adapter: adapter, left: maxArgumentValues}
	if d.dec.PeekKind() != '{' {
		return types.NewErr("invalid arguments: not a JSON object")
	}
	v, err := d.value()
	if err == nil {
		if _, end := d.dec.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return types.NewErr("invalid arguments: %v", err)
	}
	return v
}

type argumentDecoder struct {
	dec     *jsontext.Decoder
	adapter types.Adapter
	left    int // values that may still be read
}

func (d *argumentDecoder) value() (ref.Val, error) {
	if d.left--; d.left < 0 {
		return nil, errors.New("too many values")
	}
	if d.dec.StackDepth() > maxArgumentDepth {
		return nil, errors.New("nested too deep")
	}
	token, err := d.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 'n':
		return types.NullValue, nil
	case 't', 'f':
		return types.Bool(token.Bool()), nil
	case '"':
		return types.String(token.String()), nil
	case '0':
		return number(token.String())
	case '[':
		return d.list()
	default: // '{': the decoder gives no closing token where a value is due
		return d.object()
	}
}

func number(text string) (ref.Val, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
		return types.Int(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, errors.New("a number out of range")
	}
	return types.Double(f), nil
}

func (d *argumentDecoder) list() (ref.Val, error) {
	var items []ref.Val
	for d.dec.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.dec.ReadToken()
	return types.NewRefValList(d.adapter, items), err
}

func (d *argumentDecoder) object() (ref.Val, error) {
	values := make(map[string]ref.Val)
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // before the next read takes the token's bytes
		if values[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	_, err := d.dec.ReadToken()
	return newRecord(values), err
}
