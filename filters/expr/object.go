package expr

import (
	"errors"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// field is one field of an object type: its name, its CEL type, how much of it to expect, and how to read it from the Go value.
type field struct {
	name string
	typ  *types.Type
	size uint64 // characters of a string, entries of a list or map; 0 where size has no meaning
	get  func(o *object) ref.Val

	known *vocabulary // of a string, or of each of a list; nil: any text
}

// of makes a field that is read from a *T.
func of[T any](name string, typ *types.Type, size uint64, get func(*T) ref.Val) field {
	return field{name: name, typ: typ, size: size, get: func(o *object) ref.Val { return get(o.value.(*T)) }}
}

// objectType is a declared type: what the checker knows of an object, and how its fields are read.
type objectType struct {
	celType *types.Type
	fields  []field
	index   map[string]int
	base    *objectType // the type whose fields this one begins with: variables grow by declaration; nil for all others
}

// is tells whether an object of type t can be read as one of type u.
func (t *objectType) is(u *objectType) bool {
	for ; t != nil; t = t.base {
		if t == u {
			return true
		}
	}
	return false
}

func newObjectType(name string, fields ...field) *objectType {
	t := &objectType{celType: types.NewObjectType("bartizan." + name), fields: fields, index: make(map[string]int, len(fields))}
	for i, f := range fields {
		t.index[f.name] = i
	}
	return t
}

// object is a Go value as CEL sees it. Each field is read once, when an expression first asks for it.
type object struct {
	typ   *objectType
	value any
	read  []ref.Val // by field; nil where not read yet
	later []bool    // by field: the value is not known yet; nil where all are
	meter *meter    // pays for fields that cost more than to be read
}

var (
	_ traits.Indexer     = (*object)(nil)
	_ traits.FieldTester = (*object)(nil)
)

func (o *object) field(i int) ref.Val {
	if o.read == nil {
		o.read = make([]ref.Val, len(o.typ.fields))
	}
	if o.read[i] == nil {
		if o.later != nil && o.later[i] {
			o.read[i] = types.NewUnknown(0, types.NewAttributeTrail(o.typ.fields[i].name))
		} else {
			o.read[i] = o.typ.fields[i].get(o)
		}
	}
	return o.read[i]
}

// Get reads a field by name: the way of an object whose type the checker did not know (dyn).
func (o *object) Get(name ref.Val) ref.Val {
	if s, ok := name.(types.String); ok {
		if i, ok := o.typ.index[string(s)]; ok {
			return o.field(i)
		}
	}
	return types.NewErr("no such key: %v", name)
}

// IsSet is has(object.field): the field is there and is not the zero value of its type.
func (o *object) IsSet(name ref.Val) ref.Val {
	if s, ok := name.(types.String); ok {
		if i, ok := o.typ.index[string(s)]; ok {
			return types.Bool(o.isSet(i))
		}
	}
	return types.NewErr("no such key: %v", name)
}

func (o *object) isSet(i int) bool {
	v := o.field(i)
	if z, ok := v.(traits.Zeroer); ok {
		return !z.IsZeroValue()
	}
	if s, ok := v.(traits.Sizer); ok {
		return s.Size() != types.IntZero
	}
	return !types.IsError(v)
}

// fieldType is what the checker and the planner know of field i.
func (t *objectType) fieldType(i int) *types.FieldType {
	return &types.FieldType{
		Type:  t.fields[i].typ,
		IsSet: func(target any) bool { o, ok := target.(*object); return ok && o.typ.is(t) && o.isSet(i) },
		GetFrom: func(target any) (any, error) {
			o, ok := target.(*object)
			if !ok || !o.typ.is(t) {
				return nil, errors.New("no such overload")
			}
			v := o.field(i)
			if err, failed := v.(*types.Err); failed {
				return nil, err
			}
			return v, nil
		},
	}
}

// Equal fails: whether two blocks or tools are the same has no one answer. The compiler refuses the comparison where it sees it.
func (o *object) Equal(ref.Val) ref.Val {
	return types.NewErr("no such overload: objects cannot be compared")
}

// ConvertToNative fails: no function of ours takes an object.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("an object cannot be converted")
}

// ConvertToType answers type(object) only.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ.celType
	}
	return types.NewErr("an object cannot be converted")
}

// Type is the declared type.
func (o *object) Type() ref.Type { return o.typ.celType }

// Value is the object itself: the planner hands it to fieldType's functions.
func (o *object) Value() any { return o }

// newObjects makes a list of objects from a slice, with one allocation for all of them.
func newObjects[T any](t *objectType, adapter types.Adapter, meter *meter, values []T) ref.Val {
	objects := make([]object, len(values))
	list := make([]ref.Val, len(values))
	for i := range values {
		objects[i] = object{typ: t, value: &values[i], meter: meter}
		list[i] = &objects[i]
	}
	return types.NewRefValList(adapter, list)
}
