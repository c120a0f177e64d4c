package expr

import (
	"errors"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// record is a map with string keys that iterates in the order of its keys: a Go map's order would let two replicas that see the
// same exchange count different costs and find different errors first.
type record struct {
	values map[string]ref.Val
	keys   []string // sorted
}

var _ traits.Mapper = (*record)(nil)

func newRecord(values map[string]ref.Val) *record {
	return &record{values: values, keys: slices.Sorted(maps.Keys(values))}
}

func newTexts(texts map[string]string) *record {
	values := make(map[string]ref.Val, len(texts))
	for name, value := range texts {
		values[name] = types.String(value)
	}
	return newRecord(values)
}

// Find looks a key up.
func (r *record) Find(key ref.Val) (ref.Val, bool) {
	s, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key), false
	}
	v, found := r.values[string(s)]
	return v, found
}

// Get looks a key up that must be there.
func (r *record) Get(key ref.Val) ref.Val {
	v, found := r.Find(key)
	if found {
		return v
	}
	return types.ValOrErr(v, "no such key: %v", key)
}

// Contains is key in map.
func (r *record) Contains(key ref.Val) ref.Val {
	v, found := r.Find(key)
	if v != nil && types.IsUnknownOrError(v) {
		return v
	}
	return types.Bool(found)
}

// Size counts the entries.
func (r *record) Size() ref.Val { return types.Int(len(r.keys)) }

// IsZeroValue tells whether there are none.
func (r *record) IsZeroValue() bool { return len(r.keys) == 0 }

// Iterator goes over the keys in their order.
func (r *record) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, r.keys).(traits.Iterable).Iterator()
}

// Equal compares as CEL compares maps: the same keys with equal values.
func (r *record) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok || m.Size() != r.Size() {
		return types.False
	}
	for _, key := range r.keys {
		v, found := m.Find(types.String(key))
		if !found || types.Equal(r.values[key], v) != types.True {
			return types.False
		}
	}
	return types.True
}

// ConvertToNative fails: no function of ours takes a map.
func (r *record) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("a map cannot be converted")
}

// ConvertToType answers type(map) and map itself.
func (r *record) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.MapType:
		return r
	case types.TypeType:
		return types.MapType
	}
	return types.NewErr("a map cannot be converted")
}

// Type is map.
func (r *record) Type() ref.Type { return types.MapType }

// Value is the Go map.
func (r *record) Value() any { return r.values }
