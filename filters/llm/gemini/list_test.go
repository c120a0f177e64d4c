package gemini

import (
	"encoding/json"
	"slices"
	"testing"

	"bartizan/filters/strictjson"
)

// cutUp is what a list says in chunks: its elements, what of it has passed, and whether it is whole.
func cutUp(chunks ...string) (said []string, passed string, whole bool) {
	var l elements
	for _, c := range chunks {
		for e := range l.Feed([]byte(c)) {
			passed += string(e.Raw)
			said = append(said, string(e.Data))
		}
	}
	e, whole := l.Close()
	return said, passed + string(e.Raw), whole
}

// FuzzElements: the elements of a list are those that any other reader sees, however it is cut, and nothing passes beside them.
func FuzzElements(f *testing.F) {
	f.Add(`[{"a":"}\"]"},`+"\r\n"+`{"b":[{},"\\"]}`+"\n] ", 3)
	for _, list := range []string{`[]`, `[{}]`, `[{},]`, `[,{}]`, `[{}{}]`, `{}`, `[1]`, `[{}]]`, `[{]]`, `[{}`, `[{"a":"\"}]`} {
		f.Add(list, 1)
	}
	f.Fuzz(func(t *testing.T, list string, cut int) {
		said, passed, whole := cutUp(list)
		if cut >= 0 && cut < len(list) {
			if s, p, w := cutUp(list[:cut], list[cut:]); !slices.Equal(s, said) || p != passed || w != whole {
				t.Fatalf("%q, cut at %d: %q of %q, whole %t; else %q of %q, whole %t", list, cut, s, p, w, said, passed, whole)
			}
		}
		var all []json.RawMessage
		err := json.Unmarshal([]byte(list), &all)
		if !whole {
			if err == nil && !slices.ContainsFunc(all, func(one json.RawMessage) bool { return one[0] != '{' }) && all != nil {
				t.Fatalf("%q is a list, and is not taken for one", list)
			}
			return
		}
		said = said[:len(said)-1] // the end
		for _, one := range said {
			if strictjson.Validate([]byte(one)) != nil {
				return
			}
		}
		if passed != list || err != nil || len(all) != len(said) {
			t.Fatalf("%q: %q of %q, another reader sees %q, error %v", list, said, passed, all, err)
		}
		for i, one := range all {
			if string(one) != said[i] {
				t.Errorf("%q: %q, another reader sees %q", list, said[i], one)
			}
		}
	})
}
