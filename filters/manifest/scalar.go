package manifest

import (
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) scalar(n *yaml.Node, v reflect.Value) {
	switch kind := v.Kind(); {
	case kind == reflect.String:
		if n.Kind != yaml.ScalarNode || n.Tag != strTag {
			d.wrong(n, "text")
			return
		}
		v.SetString(n.Value)
	case kind == reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != boolTag {
			d.wrong(n, "true or false")
			return
		}
		v.SetBool(n.Value[0] == 't' || n.Value[0] == 'T')
	case v.CanInt():
		i, ok := decimal(n)
		if !ok || v.OverflowInt(i) {
			d.wrong(n, "a whole number")
			return
		}
		v.SetInt(i)
	case v.CanFloat():
		f, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || n.Tag != intTag && n.Tag != floatTag || err != nil {
			d.wrong(n, "a number")
			return
		}
		v.SetFloat(f)
	default: // a mistake in our own struct, found by the first test that decodes it
		d.errs = append(d.errs, d.errorf(n, "", "cannot be decoded into a %s", v.Type()))
	}
}

// decimal reads a plain decimal. Leading zeros are refused: 010 is eight to YAML 1.1 and ten to people.
func decimal(n *yaml.Node) (int64, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != intTag {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	return i, err == nil && strconv.FormatInt(i, 10) == n.Value
}

func (d *decoder) duration(n *yaml.Node, to *time.Duration) {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != strTag || err != nil {
		d.errs = append(d.errs, d.errorf(n, "as in 30s or 1m30s", "want a duration, found %s", describe(n)))
		return
	}
	*to = v
}

// free decodes into the types that encoding/json would choose, but whole numbers into int64.
func (d *decoder) free(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = d.free(n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.free(item)
		}
		return list
	case n.Tag == nullTag:
		return nil
	}
	return d.freeScalar(n)
}

func (d *decoder) freeScalar(n *yaml.Node) any {
	if n.Tag == boolTag {
		return n.Value[0] == 't' || n.Value[0] == 'T'
	}
	if i, ok := decimal(n); ok {
		return i
	}
	if slices.Contains([]string{intTag, floatTag}, n.Tag) {
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			d.errs = append(d.errs, d.errorf(n, "", "not a decimal number"))
		}
		return f
	}
	return n.Value
}

// text keeps the scalar as it is written, whatever YAML takes it for: the expression true is text to us.
func (d *decoder) text(n *yaml.Node, to *String) {
	if n.Kind != yaml.ScalarNode || n.Tag == nullTag && n.Value == "" {
		d.wrong(n, "text")
		return
	}
	*to = d.locate(n)
}
