package manifest

import (
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"
)

// Decode reads the document's spec into the struct that spec points to, by the tags `yaml:"name"` of its fields. A field of type
// [Position] tagged `yaml:"-"` receives the place of the mapping. Supported are [String], string, bool, int, int64, float64,
// [time.Duration] ("1m30s"), any, and pointers, slices, structs and maps with string keys of these. Fields that are absent keep
// their value; null is no value of any type but any. All errors are reported at once, sorted.
func (d *Document) Decode(spec any) Errors {
	if d.spec == nil {
		return Errors{{Position: d.Position, Message: "missing field", Text: "spec"}}
	}
	dec := decoder{source: d.source}
	dec.value(d.spec, spec)
	dec.errs.Sort()
	return dec.errs
}

type decoder struct {
	*source
	errs Errors
}

// value decodes n into what to points to.
func (d *decoder) value(n *yaml.Node, to any) { d.decode(n, reflect.ValueOf(to).Elem()) }

func (d *decoder) decode(n *yaml.Node, v reflect.Value) {
	if len(d.errs) >= MaxErrors {
		return
	}
	switch to := v.Addr().Interface().(type) {
	case *rawSpec:
		to.node = n
	case *String:
		d.text(n, to)
	case *time.Duration:
		d.duration(n, to)
	case *any:
		*to = d.free(n)
	default:
		d.kind(n, v)
	}
}

func (d *decoder) kind(n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.decode(n, fresh.Elem())
		v.Set(fresh)
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Slice:
		d.slice(n, v)
	case reflect.Map:
		d.mapping(n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *decoder) wrong(n *yaml.Node, want string) {
	hint := ""
	if want == "text" && n.Kind == yaml.ScalarNode && n.Tag != nullTag {
		hint = "put it in quotes"
	}
	d.errs = append(d.errs, d.errorf(n, hint, "want %s, found %s", want, describe(n)))
}

// describe names what a node is, for people.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == nullTag:
		return "nothing"
	case n.Tag == boolTag:
		return "a boolean"
	case n.Tag == intTag, n.Tag == floatTag:
		return "a number"
	case n.Tag == strTag:
		return "text"
	default:
		return "a " + n.Tag
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping")
		return
	}
	fields, names := fieldsOf(v)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if field, known := fields[key.Value]; known {
			d.decode(n.Content[i+1], field)
			continue
		}
		d.errs = append(d.errs, d.errorf(key, Suggest(key.Value, names), "unknown field"))
	}
	for i := range v.NumField() {
		if at, ok := v.Field(i).Addr().Interface().(*Position); ok && v.Type().Field(i).Tag.Get("yaml") == "-" {
			*at = d.position(n)
		}
	}
}

func fieldsOf(v reflect.Value) (map[string]reflect.Value, []string) {
	fields := make(map[string]reflect.Value, v.NumField())
	var names []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = v.Field(i)
			names = append(names, name)
		}
	}
	return fields, names
}

func (d *decoder) slice(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.decode(item, list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping")
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(n.Content[i+1], item)
		m.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), item)
	}
	v.Set(m)
}
